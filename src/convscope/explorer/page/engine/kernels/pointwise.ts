/** Functions of one value. */

import type { Call } from "./call.ts";

export function applied(call: Call, f: (x: number) => number): void {
  const { data } = call.inputs[0], out = call.output.data;
  for (let at = 0; at < out.length; at++) out[at] = f(data[at]);
}

export function copied(call: Call): void {
  call.output.data.set(call.inputs[0].data);
}

/** `max(x, 0)`. */
export function rectified(call: Call): void {
  const { data } = call.inputs[0], out = call.output.data;
  for (let at = 0; at < out.length; at++) out[at] = data[at] > 0 ? data[at] : 0;
}

/** `x` if positive, otherwise a slope times `x`: one slope, or one per channel. */
export function sloped(call: Call, slopes: Float32Array): void {
  const { data } = call.inputs[0], out = call.output.data, plane = out.length / call.output.shape[0];
  for (let at = 0; at < out.length; at++) {
    const slope = slopes.length === 1 ? slopes[0] : slopes[Math.floor(at / plane)];
    out[at] = data[at] > 0 ? data[at] : slope * data[at];
  }
}
