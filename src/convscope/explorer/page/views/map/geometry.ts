// Where everything on the Map lies: one x axis for drawing, ribbon and table.

import { type Cost, costOf, type Item, type Shown } from "../../items.ts";
import { type Lanes, lanesOf } from "../../lanes.ts";
import { GROUP } from "../../tree.ts";

/** Width of the names of the rows [CSS pixel]. */
export const HEAD = 88;
const NARROW = 60, WIDE = 116;
const TALL = 124, FLAT = 10;
/** Lanes that have their full height; more are lower, so that the numbers stay in view. */
const SHARED = 2.2;

export interface Geometry {
  items: readonly Item[];
  shown: Shown;
  lanes: Lanes;
  /** Left edge of each column, and the right edge of the last. */
  x: Float64Array;
  width: number;
  /** Centre line of each lane. */
  y: Float64Array;
  height: number;
  w: Float64Array;
  h: Float64Array;
  /** Lines of text below the drawing. */
  lines: number;
}

const log2 = (value: number): number => Math.log2(1 + Math.max(0, value));

const side = (item: Item): number => item.out.length > 1 ? item.out[1] : 1;

const weight = (item: Item, pictured: boolean): number =>
  item.group ? GROUP : item.kind === "merge" ? 0.9 : pictured && item.kind === "input" ? 1.5 : 1;

/** Lay out what is shown; an input with an image gets room for it. */
export function geometryOf(shown: Shown, width: number, pictured = false): Geometry {
  const { items } = shown;
  const lanes = lanesOf(shown.sources);
  const total = items.reduce((all, item) => all + weight(item, pictured), 0);
  const unit = Math.max(NARROW, Math.min(WIDE, (width - HEAD) / total));
  const x = new Float64Array(items.length + 1);
  x[0] = HEAD;
  items.forEach((item, i) => x[i + 1] = x[i] + unit * weight(item, pictured));
  const tallest = Math.max(...items.map((item) => log2(side(item))), 1);
  const widest = Math.max(...items.map((item) => log2(item.out[0] ?? 1)), 1);
  const tall = TALL * Math.min(1, SHARED / lanes.count);
  const h = Float64Array.from(items, (item) => FLAT + (tall - FLAT) * log2(side(item)) / Math.max(tallest, 5));
  const w = Float64Array.from(items, (item) => 6 + (unit * 0.56 - 6) * log2(item.out[0] ?? 1) / widest);
  items.forEach((item, i) => {
    const [, rows, columns] = item.out;
    if (!pictured || item.kind !== "input" || !columns) return;
    h[i] = Math.min(h[i], (unit * weight(item, true) - 6) * rows / columns);
    w[i] = h[i] * columns / rows;
  });
  const lines = Math.min(
    4,
    Math.max(...items.map((item) => Math.ceil(item.sub.length * 6.4 / (unit * weight(item, pictured))))),
  );
  return { items, shown, lanes, x, width: x[items.length], ...lanesDown(items, lanes, h), w, h, lines };
}

const STEP = 13;

/** Room above a closed group, for its own arcs. */
const ROOF = 44;

/** Lanes below each other, with room for the arcs above each. */
function lanesDown(items: readonly Item[], lanes: Lanes, h: Float64Array): { y: Float64Array; height: number } {
  const above = new Float64Array(lanes.count).fill(8);
  const tall = new Float64Array(lanes.count).fill(16);
  lanes.lane.forEach((lane, i) => tall[lane] = Math.max(tall[lane], h[i]));
  items.forEach((item, i) => {
    const lane = lanes.lane[i];
    if (item.group) above[lane] = Math.max(above[lane], ROOF - (tall[lane] - h[i]) / 2);
  });
  for (const arc of lanes.arcs) {
    const lane = Math.min(lanes.lane[arc.from], lanes.lane[arc.to]);
    above[lane] = Math.max(above[lane], 22 + STEP * arc.level);
  }
  const y = new Float64Array(lanes.count);
  let down = 0;
  for (let lane = 0; lane < lanes.count; lane++) {
    y[lane] = down + above[lane] + tall[lane] / 2;
    down = y[lane] + tall[lane] / 2 + 14;
  }
  return { y, height: down };
}

export const middle = (g: Geometry, i: number): number => (g.x[i] + g.x[i + 1]) / 2;
export const lineOf = (g: Geometry, i: number): number => g.y[g.lanes.lane[i]];
/** Height of an arc above what it passes. */
export const rise = (level: number): number => 16 + STEP * level;

/** The columns that can be seen, with a few beside them. */
export function visible(g: Geometry, left: number, width: number): [number, number] {
  const at = (where: number): number => {
    let low = 0, high = g.items.length;
    while (low < high) {
      const half = (low + high) >> 1;
      if (g.x[half + 1] < where) low = half + 1;
      else high = half;
    }
    return low;
  };
  return [Math.max(0, at(left - 400)), Math.min(g.items.length - 1, at(left + width + 400))];
}

/** The most of a cost in one column. */
export const most = (items: readonly Item[], cost: Cost): number =>
  items.reduce((all, item) => Math.max(all, costOf(item, cost).value), 0);
