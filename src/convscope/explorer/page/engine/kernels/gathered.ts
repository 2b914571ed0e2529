/** Outputs that each read one input value, or none: padding, cropping, striding, repeating, reordering channels. */

import type { Call } from "./call.ts";
import { listedReads, three, threeRelations } from "./places.ts";

/** Copies the value that each output reads; outputs that read none get `fill`. */
export function gathered(call: Call, fill: number): void {
  const { inputs: [input], output } = call;
  const [inDepth, inHeight, inWidth] = three(input.shape), [depth, height, width] = three(output.shape);
  const [z, y, x] = threeRelations(call.reads[0]).map((relation) => single(listedReads(relation)));
  const c = single(listedReads(call.reads[0][0].relation));
  let at = 0;
  for (let channel = 0; channel < output.shape[0]; channel++) {
    for (let i = 0; i < depth; i++) {
      for (let j = 0; j < height; j++) {
        const row = ((c[channel] * inDepth + z[i]) * inHeight + y[j]) * inWidth;
        const none = c[channel] < 0 || z[i] < 0 || y[j] < 0;
        for (let k = 0; k < width; k++) output.data[at++] = none || x[k] < 0 ? fill : input.data[row + x[k]];
      }
    }
  }
}

/** The one input that each output reads; -1 for none. */
function single({ start, list }: { start: Int32Array; list: Int32Array }): Int32Array {
  const found = new Int32Array(start.length - 1).fill(-1);
  for (let o = 0; o < found.length; o++) if (start[o] < start[o + 1]) found[o] = list[start[o]];
  return found;
}
