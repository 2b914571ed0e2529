/** Values by their mean and variance: stored ones, or those of the sample. */

import type { Call } from "./call.ts";

/** Each channel by its running mean and variance, then scaled and shifted. */
export function batchNormed(call: Call, eps: number): void {
  const { data } = call.inputs[0], out = call.output.data, channels = call.output.shape[0];
  const { running_mean: mean, running_var: variance, weight, bias } = call.weights;
  const plane = out.length / channels;
  for (let c = 0; c < channels; c++) {
    const scale = (weight ? weight[c] : 1) / Math.sqrt(variance[c] + eps);
    const shift = (bias ? bias[c] : 0) - mean[c] * scale;
    for (let at = c * plane; at < (c + 1) * plane; at++) out[at] = data[at] * scale + shift;
  }
}

/** Over what the statistics are taken: so many channels, and the map or each position by itself. */
interface Over {
  readonly channels: number;
  readonly map: boolean;
}

/** Each group of values by its own mean and variance, then scaled and shifted by channel. */
export function normed(call: Call, over: Over, eps: number): void {
  const { data } = call.inputs[0], out = call.output.data;
  eachGroup(call, over, (start, step, count, each) => {
    let sum = 0, squares = 0;
    for (let n = 0; n < count; n++) for (let at = 0; at < each; at++) sum += data[start + n * step + at];
    const mean = sum / (count * each);
    for (let n = 0; n < count; n++) {
      for (let at = 0; at < each; at++) squares += (data[start + n * step + at] - mean) ** 2;
    }
    const scale = 1 / Math.sqrt(squares / (count * each) + eps);
    for (let n = 0; n < count; n++) {
      for (let at = 0; at < each; at++) out[start + n * step + at] = (data[start + n * step + at] - mean) * scale;
    }
  });
  affine(call, over);
}

/** Each position by the root of the mean square over each group of channels, then scaled. */
export function rootMeanSquared(call: Call, channels: number, eps: number): void {
  const { data } = call.inputs[0], out = call.output.data, over = { channels, map: false };
  eachGroup(call, over, (start, step, count) => {
    let squares = 0;
    for (let n = 0; n < count; n++) squares += data[start + n * step] ** 2;
    const scale = 1 / Math.sqrt(squares / count + eps);
    for (let n = 0; n < count; n++) out[start + n * step] = data[start + n * step] * scale;
  });
  affine(call, over);
}

/** Calls `work` with the start of each group, the step between its channels, their number, and the run of each. */
function eachGroup(
  call: Call,
  { channels, map }: Over,
  work: (start: number, step: number, count: number, each: number) => void,
): void {
  const all = call.output.shape[0], plane = call.output.data.length / all;
  for (let group = 0; group < all; group += channels) {
    if (map) work(group * plane, plane, channels, plane);
    else for (let at = 0; at < plane; at++) work(group * plane + at, plane, channels, 1);
  }
}

/** Scales and shifts channels; groups share the weights of one if there are fewer weights than channels. */
function affine(call: Call, { channels }: Over): void {
  const { weight, bias } = call.weights, out = call.output.data, plane = out.length / call.output.shape[0];
  if (!weight) return;
  const shared = weight.length === call.output.shape[0] ? call.output.shape[0] : channels;
  for (let c = 0; c < call.output.shape[0]; c++) {
    const scale = weight[c % shared], shift = bias ? bias[c % shared] : 0;
    for (let at = c * plane; at < (c + 1) * plane; at++) out[at] = out[at] * scale + shift;
  }
}

/** Each value divided by the energy of its neighbours among the channels. */
export function localResponse(call: Call, size: number, alpha: number, beta: number, k: number): void {
  const { data } = call.inputs[0], out = call.output.data, channels = call.output.shape[0];
  const plane = out.length / channels, before = Math.floor(size / 2);
  for (let c = 0; c < channels; c++) {
    const first = Math.max(0, c - before), last = Math.min(channels - 1, c - before + size - 1);
    for (let at = 0; at < plane; at++) {
      let energy = 0;
      for (let other = first; other <= last; other++) energy += data[other * plane + at] ** 2;
      out[c * plane + at] = data[c * plane + at] / (k + alpha * energy / size) ** beta;
    }
  }
}
