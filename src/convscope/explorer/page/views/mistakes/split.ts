// The difference of two scores as a sum over the channels that the last layer with weights reads.

import type { App } from "../../app.ts";
import type { Facts as Layer } from "../../model.ts";

/** A layer that scores are a sum over, and how. */
export interface Last {
  layer: Layer;
  /** What it reads, whose channels are the parts. */
  reads: string;
  shape: readonly number[];
}

export interface Split {
  /** One part for each channel of what the layer reads. */
  parts: Float64Array;
  bias: number;
  /** All parts and the bias together. */
  sum: number;
}

/** What leaves a sum a sum: the mean over positions, and another order of the same values. */
const LINEAR = new Set(["gap", "flatten", "reshape", "dropout", "id"]);

/** The last layer with weights, if scores are a sum over its inputs; else why they are not. */
export function lastOf(app: App): Last | string {
  const model = app.given;
  let layer = model.get(model.net.outputs[0].layer), pooled = false;
  while (layer && LINEAR.has(layer.op)) {
    pooled ||= layer.op === "gap";
    layer = model.get(layer.inputs[0]);
  }
  if (!layer || (layer.op !== "linear" && layer.op !== "conv")) {
    return `The scores are not a plain sum: the net ends with ${layer?.text ?? "its input"}.`;
  }
  const area = layer.out.slice(1).reduce((product, size) => product * size, 1);
  if (area > 1 && !pooled) return "The scores are not one value for each class.";
  return { layer, reads: layer.inputs[0], shape: model.shape(layer.inputs[0]) };
}

type Tensors = Record<string, Float32Array>;

/** Split the score of one class minus that of another, at the values `c h w` that the last layer reads. */
export function splitOf(
  { layer, shape }: Last,
  weights: Tensors,
  values: Float32Array,
  first: number,
  second: number,
): Split {
  const weigh = layer.op === "linear" ? linear : convolved;
  const parts = weigh(layer, shape, weights.weight, values, first);
  weigh(layer, shape, weights.weight, values, second).forEach((value, at) => parts[at] -= value);
  const bias = weights.bias ? weights.bias[first] - weights.bias[second] : 0;
  return { parts, bias, sum: parts.reduce((total, part) => total + part, bias) };
}

function linear(
  _: Layer,
  shape: readonly number[],
  weight: Float32Array,
  values: Float32Array,
  out: number,
): Float64Array {
  const parts = new Float64Array(shape[0]), area = values.length / shape[0];
  for (let at = 0; at < values.length; at++) {
    parts[Math.floor(at / area)] += weight[out * values.length + at] * values[at];
  }
  return parts;
}

const pair = (setting: unknown): [number, number] => {
  const [a, b] = Array.isArray(setting) ? setting.map(Number) : [Number(setting), Number(setting)];
  return [a, b ?? a];
};

/** The mean over the positions of a convolution, by input channel. */
function convolved(
  { settings, out }: Layer,
  shape: readonly number[],
  weight: Float32Array,
  values: Float32Array,
  of: number,
): Float64Array {
  const [, high, wide] = shape, groups = Number(settings.groups ?? 1), width = shape[0] / groups;
  const [tall, broad] = pair(settings.kernel),
    [down, right] = pair(settings.stride),
    [dy, dx] = pair(settings.dilation);
  const pad = settings.pad as [number, number][] | undefined, top = pad?.[0]?.[0] ?? 0, left = pad?.[1]?.[0] ?? 0;
  const parts = new Float64Array(shape[0]), area = out[1] * out[2];
  const first = Math.floor(of / (out[0] / groups)) * width;
  for (let c = 0; c < width; c++) {
    let sum = 0;
    for (let t = 0; t < tall * broad; t++) {
      const tap = weight[(of * width + c) * tall * broad + t];
      const from = Math.floor(t / broad) * dy - top, beside = (t % broad) * dx - left;
      for (let p = 0; p < area; p++) {
        const y = Math.floor(p / out[2]) * down + from, x = (p % out[2]) * right + beside;
        if (y >= 0 && y < high && x >= 0 && x < wide) sum += tap * values[((first + c) * high + y) * wide + x];
      }
    }
    parts[first + c] = sum / area;
  }
  return parts;
}
