// Which pixels speak for a class: patches are covered one by one, and the difference of two scores is watched.

import type { App } from "../../app.ts";
import { softmax } from "../../parts/figures.ts";

const PATCHES = 14; // about so many along an axis; neighbours overlap by half
const PARTS = 20, ORDERS = 5; // steps in which pixels are removed, and random orders for comparison

/** Side of a patch and step from patch to patch, along an axis. */
export function windowOf(side: number): readonly [number, number] {
  const step = Math.max(1, Math.floor(side / PATCHES));
  return [Math.min(side, 2 * step), step];
}

/** The first pixels of patches along an axis that cover every pixel. */
export function startsOf(length: number, size: number, step: number): number[] {
  return Array.from({ length: Math.ceil(Math.max(0, length - size) / step) + 1 }, (_, i) => i * step);
}

export interface Cover {
  wide: number;
  high: number;
  /** How much the difference falls where a pixel is covered: the mean over the patches that cover it. */
  values: Float64Array;
  patch: readonly [number, number];
}

export interface Asked {
  input: Float32Array;
  /** The classes that are compared. */
  pair: readonly [number, number];
}

const difference = (scores: Float32Array, [first, second]: readonly [number, number]): number =>
  scores[first] - scores[second];

/** Cover patches of an image (Zeiler and Fergus, arXiv 1311.2901). */
export async function cover(app: App, { input, pair }: Asked, signal: AbortSignal): Promise<Cover> {
  const { trained } = app, { last, nothing } = trained;
  const [channels, high, wide] = app.given.image.shape, area = high * wide;
  const [tall, down] = windowOf(high), [broad, right] = windowOf(wide);
  const falls = new Float64Array(area), counts = new Float64Array(area);
  const whole = difference((await trained.run(input, [last], signal))[last], pair);
  for (const top of startsOf(high, tall, down)) {
    const row = startsOf(wide, broad, right).map(async (left) => {
      const covered = input.slice();
      const each = (act: (at: number) => void): void => {
        for (let y = top; y < Math.min(high, top + tall); y++) {
          for (let x = left; x < Math.min(wide, left + broad); x++) act(y * wide + x);
        }
      };
      for (let c = 0; c < channels; c++) each((at) => covered[c * area + at] = nothing[c]);
      const fall = whole - difference((await trained.run(covered, [last], signal))[last], pair);
      each((at) => {
        falls[at] += fall;
        counts[at] += 1;
      });
    });
    await Promise.all(row);
  }
  return { wide, high, values: falls.map((sum, at) => sum / Math.max(1, counts[at])), patch: [tall, broad] };
}

export interface Deletion {
  /** Probability of the first class by the share of the pixels that are removed, the most important first. */
  curve: readonly number[];
  area: number;
  /** Mean and standard deviation of the area in random orders. */
  random: readonly [number, number];
}

const areaOf = (curve: readonly number[]): number => {
  let sum = 0;
  for (let i = 1; i < curve.length; i++) sum += (curve[i] + curve[i - 1]) / 2;
  return sum / (curve.length - 1);
};

/** Remove pixels in their order and in random ones (Petsiuk et al., arXiv 1806.07421). */
export async function deletion(app: App, asked: Asked, heat: Cover, signal: AbortSignal): Promise<Deletion> {
  const pixels = Array.from(heat.values.keys());
  const curve = await removed(app, asked, pixels.sort((a, b) => heat.values[b] - heat.values[a]), signal);
  const areas: number[] = [];
  for (let seed = 1; seed <= ORDERS; seed++) {
    areas.push(areaOf(await removed(app, asked, shuffled(pixels, seed), signal)));
  }
  const mean = areas.reduce((sum, one) => sum + one, 0) / ORDERS;
  const spread = Math.sqrt(areas.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (ORDERS - 1));
  return { curve, area: areaOf(curve), random: [mean, spread] };
}

async function removed(
  app: App,
  { input, pair }: Asked,
  order: readonly number[],
  signal: AbortSignal,
): Promise<number[]> {
  const { trained } = app, { last, nothing } = trained, area = order.length, left = input.slice(), found: number[] = [];
  for (let part = 0; part <= PARTS; part++) {
    const from = Math.round(area * Math.max(0, part - 1) / PARTS), to = Math.round(area * part / PARTS);
    for (const at of order.slice(from, to)) nothing.forEach((value, c) => left[c * area + at] = value);
    found.push(softmax((await trained.run(left.slice(), [last], signal))[last])[pair[0]]);
  }
  return found;
}

/** Another order of some values, always the same for a seed. */
function shuffled(values: readonly number[], seed: number): number[] {
  const made = [...values];
  let state = seed * 0x9e3779b9;
  for (let i = made.length - 1; i > 0; i--) {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x6d2b79f5) >>> 0;
    const j = state % (i + 1);
    [made[i], made[j]] = [made[j], made[i]];
  }
  return made;
}
