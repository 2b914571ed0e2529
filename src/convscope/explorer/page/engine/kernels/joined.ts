/** Paths joined value by value, or one after the other. */

import { volume } from "../ops/op.ts";
import type { Shape } from "../types.ts";
import type { Call } from "./call.ts";

/** The values of all paths joined from left to right; axes of length 1 and missing ones are broadcast. */
export function combined(call: Call, join: (a: number, b: number) => number): void {
  const out = call.output.data;
  call.inputs.forEach(({ shape, data }, number) => {
    const steps = stepsOf(shape, call.output.shape);
    const same = data.length === out.length;
    if (same && number === 0) out.set(data);
    else if (same) { for (let at = 0; at < out.length; at++) out[at] = join(out[at], data[at]); }
    else broadcast(call.output.shape, out, data, steps, number ? join : (_, value) => value);
  });
}

/** The step of an input for each axis of the output as `c d h w`; 0 along axes that are broadcast. */
function stepsOf(shape: Shape, full: Shape): number[] {
  return full.map((_, axis) => ((shape[axis] ?? 1) === 1 ? 0 : volume(shape.slice(axis + 1))));
}

function broadcast(
  full: Shape,
  out: Float32Array,
  data: Float32Array,
  steps: readonly number[],
  join: (a: number, b: number) => number,
): void {
  const rank = full.length, last = full[rank - 1], step = steps[rank - 1];
  const place = new Int32Array(rank);
  let base = 0;
  for (let at = 0; at < out.length; at += last) {
    for (let k = 0; k < last; k++) out[at + k] = join(out[at + k], data[base + k * step]);
    for (let axis = rank - 2; axis >= 0; axis--) {
      base += steps[axis];
      if (++place[axis] < full[axis]) break;
      base -= steps[axis] * full[axis];
      place[axis] = 0;
    }
  }
}

/** The paths one after the other along an axis. */
export function concatenated(call: Call, axis: number): void {
  const total = volume(call.output.shape.slice(axis));
  let start = 0;
  for (const { shape, data } of call.inputs) {
    const run = volume(shape.slice(axis));
    for (let at = 0, to = start; at < data.length; at += run, to += total) {
      call.output.data.set(data.subarray(at, at + run), to);
    }
    start += run;
  }
}
