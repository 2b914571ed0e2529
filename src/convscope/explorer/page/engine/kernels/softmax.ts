/** Exponentials divided by their sum, over channels or over positions. */

import type { Call } from "./call.ts";

/** Over each run of `channels` channels, at each position. */
export function softmaxed(call: Call, channels: number): void {
  const { data } = call.inputs[0], out = call.output.data, all = call.output.shape[0], plane = out.length / all;
  for (let group = 0; group < all; group += channels) {
    for (let at = 0; at < plane; at++) normalise(data, out, group * plane + at, plane, channels);
  }
}

/** Over the positions of each channel. */
export function spatialSoftmaxed(call: Call): void {
  const { data } = call.inputs[0], out = call.output.data, plane = out.length / call.output.shape[0];
  for (let at = 0; at < out.length; at += plane) normalise(data, out, at, 1, plane);
}

function normalise(data: Float32Array, out: Float32Array, start: number, step: number, count: number): void {
  let most = -Infinity, sum = 0;
  const stop = start + step * count;
  for (let at = start; at < stop; at += step) most = Math.max(most, data[at]);
  for (let at = start; at < stop; at += step) sum += Math.exp(data[at] - most);
  for (let at = start; at < stop; at += step) out[at] = Math.exp(data[at] - most) / sum;
}
