/**
 * The first and last pixel that each unit of a layer sees along one axis of the image.
 *
 * Units are listed one by one: a map is short beside the values that it holds.
 */

import { beyond, firstTap, isEmptyEdge, tapStep } from "../axis.ts";
import type { Table, Window } from "../axis.ts";

/** First and last pixel, inclusive; empty if the first lies after the last. */
export type Box = readonly [number, number];

export const NOTHING: Box = [0, -1];

export class Boxes {
  readonly size: number;
  /** Whether neither end ever falls from one unit to the next. */
  readonly rising: boolean;
  /** Whether some unit sees no pixel. */
  readonly gaps: boolean;
  /** From the first to the last pixel that any unit sees. */
  readonly hull: Box;
  /** The length of the longest box. */
  readonly longest: number;

  constructor(readonly pixels: number, readonly first: Int32Array, readonly last: Int32Array) {
    this.size = first.length;
    let rising = true, gaps = false, low = pixels, high = -1, longest = 0;
    for (let at = 0; at < first.length; at++) {
      if (at && (first[at] < first[at - 1] || last[at] < last[at - 1])) rising = false;
      if (first[at] > last[at]) {
        gaps = true;
        continue;
      }
      low = Math.min(low, first[at]);
      high = Math.max(high, last[at]);
      longest = Math.max(longest, last[at] - first[at] + 1);
    }
    this.rising = rising;
    this.gaps = gaps;
    this.hull = high < 0 ? NOTHING : [low, high];
    this.longest = longest;
  }

  /** Whether no unit sees any pixel. */
  get blind(): boolean {
    return this.gaps && this.hull[1] < 0;
  }

  box(unit: number): Box {
    return [this.first[unit], this.last[unit]];
  }
}

/** Boxes from a function that gives the box of each unit; what lies beyond the image is cut. */
export function listedBoxes(size: number, pixels: number, box: (unit: number) => Box): Boxes {
  const first = new Int32Array(size), last = new Int32Array(size);
  for (let unit = 0; unit < size; unit++) {
    const [low, high] = box(unit);
    first[unit] = Math.max(low, 0);
    last[unit] = Math.min(high, pixels - 1);
    if (first[unit] > last[unit]) {
      first[unit] = pixels;
      last[unit] = -1;
    }
  }
  return new Boxes(pixels, first, last);
}

/** The boxes of the image itself: each unit sees one pixel. */
export function everyPixel(size: number): Boxes {
  return listedBoxes(size, size, (unit) => [unit, unit]);
}

/** The same box for a number of units. */
export function alike(size: number, box: Box, pixels: number): Boxes {
  return listedBoxes(size, pixels, () => box);
}

export function equalBoxes(one: Boxes, other: Boxes): boolean {
  if (one === other || one.size !== other.size) return one === other;
  for (let at = 0; at < one.size; at++) {
    if (one.first[at] !== other.first[at] || one.last[at] !== other.last[at]) return false;
  }
  return true;
}

/** The boxes of the units after a window. */
export function windowed(boxes: Boxes, window: Window): Boxes {
  const first = new Int32Array(window.extent), last = new Int32Array(window.extent);
  const outer = window.up === 1 && boxes.rising && isEmptyEdge(window.edge);
  for (let o = 0; o < window.extent; o++) {
    if (outer) outermost(boxes, window, o, first, last);
    else tapped(boxes, window, o, first, last);
  }
  return new Boxes(boxes.pixels, first, last);
}

/** For rising boxes, a window sees from the first pixel of its first unit to the last pixel of its last one. */
function outermost(boxes: Boxes, window: Window, o: number, first: Int32Array, last: Int32Array): void {
  const step = window.dilation, size = window.size, start = window.stride * o - window.lo;
  const end = start + window.span - 1;
  const low = start < 0 ? start + Math.ceil(-start / step) * step : start;
  const high = end >= size ? end - Math.ceil((end - size + 1) / step) * step : end;
  const some = low <= high;
  first[o] = some ? boxes.first[low] : boxes.pixels;
  last[o] = some ? boxes.last[high] : -1;
}

function tapped(boxes: Boxes, window: Window, o: number, first: Int32Array, last: Int32Array): void {
  const start = window.stride * o - window.lo, tap = firstTap(window, start), step = tapStep(window);
  let low = boxes.pixels, high = -1;
  for (let t = tap; tap >= 0 && t < window.kernel; t += step) {
    const at = beyond((start + window.dilation * t) / window.up, window.size, window.edge);
    if (at < 0) continue;
    low = Math.min(low, boxes.first[at]);
    high = Math.max(high, boxes.last[at]);
  }
  first[o] = high < 0 ? boxes.pixels : low;
  last[o] = high;
}

/** The boxes of the units after a table, each of which reads a run of units; nothing for an empty run. */
export function lookedUp(boxes: Boxes, table: Table): Boxes {
  const clip = (index: number) => Math.min(Math.max(index, 0), table.size - 1);
  return listedBoxes(table.extent, boxes.pixels, (o) => {
    const start = table.first(o), end = table.last(o);
    if (start > end) return NOTHING;
    if (boxes.rising || clip(start) === clip(end)) return [boxes.first[clip(start)], boxes.last[clip(end)]];
    let low = boxes.pixels, high = -1;
    for (let at = clip(start); at <= clip(end); at++) {
      low = Math.min(low, boxes.first[at]);
      high = Math.max(high, boxes.last[at]);
    }
    return [low, high];
  });
}

/** The boxes around what each unit sees on several paths. */
export function united(parts: readonly Boxes[]): Boxes {
  const some = [...new Set(parts)];
  if (some.length === 1) return some[0];
  return listedBoxes(some[0].size, some[0].pixels, (unit) => {
    let low = some[0].pixels, high = -1;
    for (const part of some) {
      low = Math.min(low, part.first[unit]);
      high = Math.max(high, part.last[unit]);
    }
    return [low, high];
  });
}

/** The boxes of units in concatenated parts. */
export function endToEnd(parts: readonly Boxes[]): Boxes {
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const first = new Int32Array(size), last = new Int32Array(size);
  let start = 0;
  for (const part of parts) {
    first.set(part.first, start);
    last.set(part.last, start);
    start += part.size;
  }
  return new Boxes(Math.max(...parts.map((part) => part.pixels)), first, last);
}

/** The distinct boxes of all units of some parts, in ascending order. */
export function eachOnce(parts: readonly Boxes[]): Boxes {
  const pixels = Math.max(...parts.map((part) => part.pixels));
  const keys = new Set<number>();
  for (const part of parts) {
    for (let at = 0; at < part.size; at++) {
      const none = part.last[at] < part.first[at];
      keys.add((none ? pixels : part.first[at]) * (pixels + 1) + Math.max(part.last[at], -1) + 1);
    }
  }
  const sorted = Float64Array.from(keys).sort();
  return listedBoxes(sorted.length, pixels, (at) => {
    return [Math.floor(sorted[at] / (pixels + 1)), sorted[at] % (pixels + 1) - 1];
  });
}
