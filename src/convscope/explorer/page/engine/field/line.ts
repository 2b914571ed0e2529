/** Boxes in closed form: they advance steadily from unit to unit, in phases after up-sampling. */

import { firstTap, tapStep } from "../axis.ts";
import type { Table, Window } from "../axis.ts";
import { ceilDiv, div, fraction, gcd, lcm, mod } from "../numbers.ts";
import type { Fraction } from "../numbers.ts";
import type { Box } from "./boxes.ts";
import { NOTHING } from "./boxes.ts";

/** The most boxes of one line; a layer with more has no line. */
const MAX_PHASES = 4096;

/** Thrown where a number leaves the integers that a float holds exactly: the field is then unknown. */
export class TooFarError extends Error {}

/** Unit `q*period + p` sees `phases[p]`, moved by `q*advance` pixels. */
export interface Line {
  readonly advance: number;
  readonly phases: readonly Box[];
  /** Whether units at a seam, where maps were concatenated or a map wraps around, see other pixels. */
  readonly seams: boolean;
}

export function makeLine(advance: number, phases: readonly Box[], seams = false): Line {
  if (!Number.isSafeInteger(advance)) throw new TooFarError();
  for (const [first, last] of phases) {
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last)) throw new TooFarError();
  }
  return { advance, phases, seams };
}

/** The input pixels per unit. */
export function strideOf(line: Line): Fraction {
  return fraction(line.advance, line.phases.length);
}

export function equalLines(one: Line | null, other: Line | null): boolean {
  if (one === other) return true;
  if (!one || !other || one.advance !== other.advance || one.seams !== other.seams) return false;
  if (one.phases.length !== other.phases.length) return false;
  return one.phases.every((box, at) => box[0] === other.phases[at][0] && box[1] === other.phases[at][1]);
}

/** What a unit sees; units outside the map are allowed (they lie on padding). */
export function boxOn(line: Line, unit: number): Box {
  const turn = div(unit, line.phases.length), [first, last] = line.phases[mod(unit, line.phases.length)];
  return [first + turn * line.advance, last + turn * line.advance];
}

/** The line with a number of units prepended. */
export function moved(line: Line, units: number): Line {
  return makeLine(line.advance, line.phases.map((_, unit) => boxOn(line, unit - units)), line.seams);
}

/** The line after a window; null if there is none. */
export function slid(line: Line, window: Window): Line | null {
  if (window.edge === "apart" && (window.lo > 0 || window.hi > 0)) return null;
  const found = inside(line, window);
  const seams = line.seams || (window.edge === "wrap" && Boolean(window.lo || window.hi));
  return found && { ...found, seams };
}

/** The line after a window away from the borders, whatever lies beyond them. */
function inside(line: Line, window: Window): Line | null {
  const phases = line.phases.length;
  if (phases === 1 && window.up === 1) {
    const [first, last] = line.phases[0], step = line.advance;
    const lo = step * window.lo, reach = step * (window.span - 1);
    const box: Box = first <= last ? [first - lo + Math.min(0, reach), last - lo + Math.max(0, reach)] : NOTHING;
    return makeLine(step * window.stride, [box]);
  }
  const around = phases * window.up, period = around / gcd(window.stride, around);
  if (period > MAX_PHASES) return null;
  const between = window.dilation * tapStep(window) / window.up;
  const runs: Run[] = [];
  for (let o = 0; o < period; o++) {
    const start = window.stride * o - window.lo, tap = firstTap(window, start);
    const begin = div(start + window.dilation * tap, window.up), stop = ceilDiv(start + window.span, window.up);
    runs.push([begin, tap < 0 ? 0 : ceilDiv(stop - begin, between)]);
  }
  return makeLine(line.advance * window.stride * period / around, runs.map((run) => aroundRun(line, run, between)));
}

/** The line after a periodic table. */
export function turned(line: Line, table: Table): Line | null {
  const [outputs, inputs] = table.turn as readonly [number, number];
  const phases = line.phases.length, turns = phases / gcd(inputs, phases);
  if (outputs * turns > MAX_PHASES) return null;
  const boxes = Array.from({ length: outputs * turns }, (_, o) => {
    const first = table.first(o);
    return aroundRun(line, [first, Math.max(table.last(o) - first + 1, 0)], 1);
  });
  return makeLine(line.advance * inputs * turns / phases, boxes, line.seams);
}

/** The line around lines of one stride; null if one is missing or strides differ. */
export function met(lines: readonly (Line | null)[]): Line | null {
  const steady: Line[] = [];
  for (const line of lines) {
    if (!line) return null;
    if (!steady.some((other) => equalLines(line, other))) steady.push(line);
  }
  if (steady.length === 1) return steady[0];
  const main = steady[0];
  if (steady.some((one) => one.advance * main.phases.length !== main.advance * one.phases.length)) return null;
  const period = steady.reduce((found, line) => lcm(found, line.phases.length), 1);
  if (period > MAX_PHASES) return null;
  const boxes = Array.from({ length: period }, (_, unit) => aroundBoxes(steady.map((line) => boxOn(line, unit))));
  return makeLine(main.advance * period / main.phases.length, boxes, steady.some((line) => line.seams));
}

/** First unit of a run, and number of units. */
type Run = readonly [number, number];

/** The smallest box around what a run of units sees, `step` apart. */
function aroundRun(line: Line, [begin, count]: Run, step: number): Box {
  // units a full period inside a run cannot reach farther than those at its ends
  const around = line.phases.length, most = Math.min(2 * around, count);
  let low = Infinity, high = -Infinity;
  for (let at = 0; at < most; at++) {
    const unit = begin + step * (at < around ? at : Math.max(count - 2 * around, 0) + at);
    const [first, last] = line.phases[mod(unit, around)];
    if (first > last) continue;
    const shift = div(unit, around) * line.advance;
    low = Math.min(low, first + shift);
    high = Math.max(high, last + shift);
  }
  return low <= high ? [low, high] : NOTHING;
}

/** The smallest box around boxes. */
export function aroundBoxes(boxes: readonly Box[]): Box {
  let low = Infinity, high = -Infinity;
  for (const [first, last] of boxes) {
    if (first > last) continue;
    low = Math.min(low, first);
    high = Math.max(high, last);
  }
  return low <= high ? [low, high] : NOTHING;
}
