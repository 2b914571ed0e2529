// Everything that the Microscope shows of one channel, computed once for a selection.

import type { Weights } from "../../engine/weights.ts";
import { type Chosen, chosenOf, placed, turned } from "./named.ts";
import { firstChannel, kernelOf, mapOf, type Scene } from "./scene.ts";

export interface Look {
  channel: number;
  /** The input channel that is shown, among those that the channel reads; and its number in the input. */
  from: number;
  first: number;
  input: Float32Array;
  /** For each input channel, its taps row by row. */
  kernel: Float32Array;
  /** The same as the net has them. */
  own: Float32Array;
  bias: number;
  map: Float32Array;
  chosen: Chosen;
}

interface Wanted {
  channel: number;
  from: number;
  kernel: string;
}

export function lookAt(scene: Scene, input: Float32Array, fit: { weights: Weights }, wanted: Wanted): Look {
  const { channel } = wanted, mine = fit.weights[scene.layer.name] ?? {};
  const taps = scene.rows.kernel * scene.columns.kernel;
  const own = scene.kind === "conv" && mine.weight
    ? kernelOf(scene, mine.weight, channel)
    : new Float32Array(scene.width * taps).fill(1 / taps);
  const from = Math.max(0, Math.min(scene.width - 1, wanted.from));
  const chosen = scene.kind === "conv" ? chosenOf(wanted.kernel) : null;
  const kernel = replaced(scene, own, chosen, from);
  const bias = chosen ? 0 : mine.bias?.[channel] ?? 0;
  const first = firstChannel(scene, channel) + from;
  return { channel, from, first, input, kernel, own, bias, map: mapOf(scene, input, channel, kernel, bias), chosen };
}

/** The kernel with what the reader chose: a preset looks at the mean of all input channels, own values at one. */
function replaced(scene: Scene, own: Float32Array, chosen: Chosen, from: number): Float32Array {
  if (!chosen) return own;
  const high = scene.rows.kernel, wide = scene.columns.kernel, taps = high * wide;
  const made = own.slice();
  if (chosen.kind === "values") {
    if (chosen.values.length === taps) made.set(chosen.values, from * taps);
    return made;
  }
  const whole = placed(chosen.preset.values, high, wide);
  const one = (chosen.turned ? turned(whole) : whole).map((value) => value / scene.width);
  for (let c = 0; c < scene.width; c++) made.set(one, c * taps);
  return made;
}
