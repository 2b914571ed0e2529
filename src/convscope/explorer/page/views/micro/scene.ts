// What the Microscope looks at: a layer whose units are sums, or maxima, over a window of its input.

import type { Read, Window } from "../../document.ts";
import type { Facts, Model } from "../../model.ts";

export interface Scene {
  layer: Facts;
  kind: "conv" | "max" | "mean";
  /** What is read: a layer or an input, and its shape `c h w`. */
  source: string;
  from: readonly [number, number, number];
  out: readonly [number, number, number];
  rows: Window;
  columns: Window;
  /** Input channels that one output channel reads, and output channels of one group. */
  width: number;
  group: number;
  /** The layers after it that change its values one by one. */
  after: readonly Facts[];
}

const KINDS: Record<string, Scene["kind"]> = {
  conv: "conv",
  convt: "conv",
  linear: "conv",
  maxpool: "max",
  avgpool: "mean",
};

const plain = (size: number): Window => ({
  kind: "window",
  follows: 0,
  size,
  kernel: 1,
  stride: 1,
  dilation: 1,
  lo: 0,
  hi: 0,
  up: 1,
  edge: "zero",
});

const windowOf = (read: Read | undefined, size: number): Window | null =>
  read === undefined ? plain(size) : read.kind === "window" ? read : null;

const wide = (shape: readonly number[]): [number, number, number] =>
  shape.length === 1 ? [shape[0], 1, 1] : shape.length === 2 ? [shape[0], 1, shape[1]] : [shape[0], shape[1], shape[2]];

/** The scene of a layer; null if the Microscope has none for it. */
export function sceneOf(model: Model, layer: Facts): Scene | null {
  const kind = KINDS[layer.op];
  const source = layer.inputs[0];
  const shape = model.shape(source);
  if (!kind || shape.length > 3 || layer.out.length > 3 || (layer.op === "linear" && layer.out.length > 1)) return null;
  if (!layer.out.length || !shape.length) return null; // it does not fit
  const reads = layer.reads[0].map((at) => model.net.reads[at]);
  const line = layer.out.length === 2;
  const dense = layer.op === "linear";
  const from = dense ? [shape.reduce((a, b) => a * b, 1), 1, 1] as [number, number, number] : wide(shape);
  const rows = dense || line ? plain(1) : windowOf(reads[1], from[1]);
  const columns = dense ? plain(1) : windowOf(reads[line ? 1 : 2], from[2]);
  if (!rows || !columns) return null;
  const groups = Number(layer.settings.groups ?? 1), out = wide(layer.out);
  const step = model.steps[model.stepOf[model.index.get(layer.name) ?? 0]];
  const at = step.layers.indexOf(layer);
  return {
    layer,
    kind,
    source,
    from,
    out,
    rows,
    columns,
    width: kind === "conv" ? from[0] / groups : 1,
    group: kind === "conv" ? out[0] / groups : 1,
    after: at < 0 ? [] : step.layers.slice(at + 1),
  };
}

/** The layer that the Microscope shows for a selection: itself, the head of its step, or the nearest one before it. */
export function shownLayer(model: Model, name: string): Scene | null {
  const start = model.index.get(name) ?? 0;
  for (let at = Math.min(start, model.layers.length - 1); at >= 0; at--) {
    const found = sceneOf(model, model.layers[at]);
    if (found) return found;
  }
  for (const layer of model.layers) {
    const found = sceneOf(model, layer);
    if (found) return found;
  }
  return null;
}

/** Where tap `t` of output `o` reads along an axis; −1 where there is nothing. */
export function position(axis: Window, o: number, t: number): number {
  const at = axis.stride * o - axis.lo + axis.dilation * t;
  if (axis.up > 1 && at % axis.up) return -1;
  const index = at / axis.up, last = axis.size - 1;
  if (index >= 0 && index <= last) return index;
  if (axis.edge === "clamp") return index < 0 ? 0 : last;
  if (axis.edge === "wrap") return ((index % axis.size) + axis.size) % axis.size;
  if (axis.edge === "reflect") return index < 0 ? -index : 2 * last - index;
  return -1;
}

/** The first and the last pixel of a window along an axis, those beyond the border included. */
export const span = (axis: Window, o: number): readonly [number, number] => {
  const first = (axis.stride * o - axis.lo) / axis.up;
  return [first, first + (axis.dilation * (axis.kernel - 1)) / axis.up];
};

export interface Patch {
  values: Float32Array;
  /** Whether each tap lies on padding. */
  padding: readonly boolean[];
}

/** The first input channel that an output channel reads. */
export const firstChannel = (scene: Scene, channel: number): number =>
  scene.kind === "conv" ? Math.floor(channel / scene.group) * scene.width : channel;

/** What a unit reads of one input channel, row by row. */
export function patchOf(scene: Scene, input: Float32Array, channel: number, unit: readonly [number, number]): Patch {
  const { rows, columns, from } = scene, [, high, across] = from;
  const values = new Float32Array(rows.kernel * columns.kernel), padding: boolean[] = [];
  for (let y = 0; y < rows.kernel; y++) {
    const row = position(rows, unit[0], y);
    for (let x = 0; x < columns.kernel; x++) {
      const column = position(columns, unit[1], x), at = y * columns.kernel + x;
      const outside = row < 0 || column < 0;
      padding.push(outside);
      values[at] = outside ? scene.kind === "max" ? -Infinity : 0 : input[(channel * high + row) * across + column];
    }
  }
  return { values, padding };
}

/** The kernels of one output channel: for each input channel it reads, its taps row by row. */
export function kernelOf(scene: Scene, weight: Float32Array, channel: number): Float32Array {
  const taps = scene.rows.kernel * scene.columns.kernel, each = scene.width * taps;
  if (scene.layer.op !== "convt") return weight.slice(channel * each, (channel + 1) * each);
  const made = new Float32Array(each), first = firstChannel(scene, channel), inside = channel % scene.group;
  for (let c = 0; c < scene.width; c++) {
    const start = ((first + c) * scene.group + inside) * taps;
    for (let t = 0; t < taps; t++) made[c * taps + t] = weight[start + taps - 1 - t]; // its first tap is the last one
  }
  return made;
}

/** All values of one output channel, before what comes after the layer. */
export function mapOf(
  scene: Scene,
  input: Float32Array,
  channel: number,
  kernel: Float32Array,
  bias: number,
): Float32Array {
  const { rows, columns, from, out, width } = scene, [, high, across] = from, [, down, along] = out;
  const made = new Float32Array(down * along), taps = rows.kernel * columns.kernel;
  const xs = Int32Array.from(
    { length: along * columns.kernel },
    (_, i) => position(columns, Math.floor(i / columns.kernel), i % columns.kernel),
  );
  const first = firstChannel(scene, channel), max = scene.kind === "max";
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < along; x++) {
      let sum = max ? -Infinity : bias;
      for (let v = 0; v < rows.kernel; v++) {
        const row = position(rows, y, v);
        if (row < 0) continue;
        for (let c = 0; c < width; c++) {
          const line = ((first + c) * high + row) * across, tap = c * taps + v * columns.kernel;
          for (let u = 0; u < columns.kernel; u++) {
            const column = xs[x * columns.kernel + u];
            if (column < 0) continue;
            if (max) sum = Math.max(sum, input[line + column]);
            else sum += input[line + column] * kernel[tap + u];
          }
        }
      }
      made[y * along + x] = sum;
    }
  }
  return made;
}
