// The values of a layer at the images of the document, and what they say of a channel.

import type { App } from "../../app.ts";
import { type Drawn, pixelsOf } from "../../parts/tile.tsx";
import type { Image } from "../../document.ts";
import { Trouble } from "../../trouble.ts";

const WORK = 3e9, ROOM = 2e7; // multiply-adds that are spent, and values that are held
const LEAST = 9;

export interface Seen {
  image: Image;
  at: number;
  /** `c h w`. */
  values: Float32Array;
}

export interface Looked {
  layer: string;
  shape: readonly number[];
  seen: readonly Seen[];
  /** Number of images that are looked at in the end. */
  of: number;
}

/** Which images: all, or evenly spaced ones where the net or the layer is large. */
function chosen(app: App, volume: number): number[] {
  const { images } = app.document, macs = Math.max(1, app.given.net.totals.macs);
  const most = Math.max(LEAST, Math.floor(Math.min(WORK / macs, ROOM / volume))), count = Math.min(images.length, most);
  return Array.from({ length: count }, (_, i) => Math.floor(i * images.length / count));
}

const known = new WeakMap<App, Map<string, Looked>>();

/** Look at the images one after the other; `step` tells what is there so far. */
export async function look(
  app: App,
  layer: string,
  signal: AbortSignal,
  step: (part: Looked) => void,
): Promise<Looked> {
  const mine = known.get(app) ?? new Map<string, Looked>();
  known.set(app, mine);
  const before = mine.get(layer);
  if (before) return before;
  const { trained, document } = app, shape = app.given.shape(layer);
  if (trained.reason) throw new Trouble(trained.reason);
  const rows = chosen(app, shape.reduce((product, size) => product * size, 1)), seen: Seen[] = [];
  if (!rows.length) throw new Trouble("There are no images in this document.", "");
  for (const at of rows) {
    const image = document.images[at];
    const input = trained.input({ name: image.name, shape: image.shape, data: pixelsOf(app, image as Drawn) });
    seen.push({ image, at, values: (await trained.run(input, [layer], signal))[layer] });
    if (seen.length % 40 === 20) step({ layer, shape, seen: [...seen], of: rows.length });
  }
  const found = { layer, shape, seen, of: rows.length };
  mine.set(layer, found);
  return found;
}

/** The strongest response of a channel at an image: its value and its position. */
export interface Peak {
  seen: Seen;
  value: number;
  unit: readonly [number, number];
}

const areaOf = ({ shape }: Looked): number => shape.slice(1).reduce((product, size) => product * size, 1);

export function peaks(looked: Looked, channel: number): Peak[] {
  const area = areaOf(looked), wide = looked.shape[2] ?? 1;
  return looked.seen.map((seen) => {
    let best = channel * area;
    for (let at = best; at < (channel + 1) * area; at++) if (seen.values[at] > seen.values[best]) best = at;
    const place = best - channel * area;
    return { seen, value: seen.values[best], unit: [Math.floor(place / wide), place % wide] as const };
  });
}

/** Mean value of a channel for each class that has images; and over all. */
export function byClass(looked: Looked, channel: number): { class: number; mean: number; images: number }[] {
  const area = areaOf(looked), sums = new Map<number, { total: number; images: number }>();
  for (const { image, values } of looked.seen) {
    if (image.truth === null) continue;
    let total = 0;
    for (let at = channel * area; at < (channel + 1) * area; at++) total += values[at];
    const entry = sums.get(image.truth) ?? { total: 0, images: 0 };
    sums.set(image.truth, { total: entry.total + total / area, images: entry.images + 1 });
  }
  return [...sums].map(([one, { total, images }]) => ({ class: one, mean: total / images, images }))
    .sort((a, b) => a.class - b.class);
}

/** The channel whose values are most alike, by correlation over all positions; null if there is none to compare. */
export function twinOf(looked: Looked, channel: number): { channel: number; correlation: number } | null {
  const area = areaOf(looked), [count] = looked.shape, n = area * looked.seen.length;
  const sums = new Float64Array(count), squares = new Float64Array(count), products = new Float64Array(count);
  for (const { values } of looked.seen) {
    for (let c = 0; c < count; c++) {
      for (let at = 0; at < area; at++) {
        const value = values[c * area + at];
        sums[c] += value;
        squares[c] += value * value;
        products[c] += value * values[channel * area + at];
      }
    }
  }
  const spread = (c: number): number => Math.sqrt(Math.max(0, squares[c] / n - (sums[c] / n) ** 2));
  let best: { channel: number; correlation: number } | null = null;
  for (let c = 0; c < count; c++) {
    const both = spread(c) * spread(channel);
    if (c === channel || both < 1e-12) continue;
    const correlation = (products[c] / n - sums[c] / n * sums[channel] / n) / both;
    if (!best || correlation > best.correlation) best = { channel: c, correlation };
  }
  return best;
}
