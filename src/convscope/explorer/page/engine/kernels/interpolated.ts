/** Maps of another size, interpolated along one axis after the other. */

import { div, mod } from "../numbers.ts";
import { volume } from "../ops/op.ts";
import type { Call } from "./call.ts";

/** The source position of output `o` as a fraction `(a*o + b) / c`. */
type Place = readonly [number, number, number];

/** torch's cubic convolution: a = -0.75. */
const A = -0.75;

/** Interpolates each spatial axis at its places, linearly or by cubic convolution; the border is repeated. */
export function interpolated(call: Call, places: readonly Place[], cubic: boolean): void {
  const { shape, data } = call.inputs[0], full = call.output.shape;
  let from = data, sizes = [...shape];
  places.forEach((place, number) => {
    const axis = number + 1, last = number === places.length - 1;
    const after = [...sizes];
    after[axis] = full[axis];
    const to = last ? call.output.data : call.memo(`axis${axis}`, () => new Float32Array(volume(after)));
    alongAxis(
      from,
      to,
      volume(sizes.slice(0, axis)),
      [sizes[axis], after[axis]],
      volume(sizes.slice(axis + 1)),
      place,
      cubic,
    );
    from = to;
    sizes = after;
  });
}

function alongAxis(
  from: Float32Array,
  to: Float32Array,
  outer: number,
  [before, after]: readonly [number, number],
  inner: number,
  [a, b, c]: Place,
  cubic: boolean,
): void {
  const clip = (index: number) => Math.min(Math.max(index, 0), before - 1);
  for (let o = 0; o < after; o++) {
    const first = div(a * o + b, c), share = mod(a * o + b, c) / c;
    const weights = cubic ? cubicWeights(share) : [1 - share, share];
    const begin = first - (cubic ? 1 : 0);
    for (let n = 0; n < outer; n++) {
      for (let at = 0; at < inner; at++) {
        let sum = 0;
        for (let tap = 0; tap < weights.length; tap++) {
          sum += weights[tap] * from[(n * before + clip(begin + tap)) * inner + at];
        }
        to[(n * after + o) * inner + at] = sum;
      }
    }
  }
}

function cubicWeights(t: number): number[] {
  const near = (x: number) => ((A + 2) * x - (A + 3)) * x * x + 1;
  const far = (x: number) => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A;
  return [far(t + 1), near(t), near(1 - t), far(2 - t)];
}
