/** Channels to pixels and back, learned positions, and tensors that are repeated over a map. */

import { volume } from "../ops/op.ts";
import type { Shape } from "../types.ts";
import type { Call } from "./call.ts";

/** `c*f*f h w -> c f*h f*w`. */
export function unfolded(call: Call, factor: number): void {
  const [channels, height, width] = call.output.shape, { data } = call.inputs[0];
  pixels(channels, height, width, factor, (out, into) => call.output.data[out] = data[into]);
}

/** `c h w -> c*f*f h/f w/f`. */
export function folded(call: Call, factor: number): void {
  const [channels, height, width] = call.inputs[0].shape, { data } = call.inputs[0];
  pixels(channels, height, width, factor, (pixel, channel) => call.output.data[channel] = data[pixel]);
}

/** Pairs each pixel of `c h w` with its place among `c*f*f` channels of `h/f w/f`. */
function pixels(
  channels: number,
  height: number,
  width: number,
  factor: number,
  pair: (pixel: number, channel: number) => void,
): void {
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const channel = c * factor * factor + (y % factor) * factor + x % factor;
        const row = channel * (height / factor) + Math.floor(y / factor);
        pair(at++, row * (width / factor) + Math.floor(x / factor));
      }
    }
  }
}

/** Learned positions before those of the input, along the first spatial axis. */
export function prepended(call: Call, count: number): void {
  const { shape, data } = call.inputs[0], { weight } = call.weights, rest = volume(shape.slice(2));
  const mine = count * rest, its = shape[1] * rest;
  for (let c = 0; c < shape[0]; c++) {
    const to = c * (mine + its);
    call.output.data.set(weight.subarray(c * mine, (c + 1) * mine), to);
    call.output.data.set(data.subarray(c * its, (c + 1) * its), to + mine);
  }
}

/** Each value with that of a stored tensor, which is repeated where it is shorter. */
export function repeated(call: Call, tile: Shape, join: (x: number, weight: number) => number): void {
  const { shape, data } = call.inputs[0], { weight } = call.weights, out = call.output.data;
  for (let at = 0; at < out.length; at++) {
    let rest = at, place = 0, step = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += (rest % shape[axis]) % tile[axis] * step;
      rest = Math.floor(rest / shape[axis]);
      step *= tile[axis];
    }
    out[at] = join(data[at], weight[place]);
  }
}
