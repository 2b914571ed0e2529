/**
 * Maps that are concatenated along a spatial axis: a unit lies in one of them and sees what it saw there.
 *
 * There is a line if the parts advance equally: that of the part with the largest field, or the longest of these. If a
 * part does not continue where the previous one ends, units at the seam see other pixels, and the line is marked.
 */

import { isEmptyEdge } from "../axis.ts";
import type { Reads } from "../axis.ts";
import type { Shape } from "../types.ts";
import type { Boxes } from "./boxes.ts";
import { alike, endToEnd, equalBoxes, united } from "./boxes.ts";
import type { Line } from "./line.ts";
import { boxOn, equalLines, moved } from "./line.ts";
import type { Track } from "./track.ts";
import { BLIND, listed, makeTrack, seenWhole } from "./track.ts";

/** The spatial axis along which a merge concatenates its inputs; null if it does not. */
export function seamAxis(reads: Reads, out: Shape): number | null {
  for (let axis = 1; axis < out.length; axis++) if (inTurn(reads, axis, out[axis])) return axis;
  return null;
}

/** Whether each input has its own units of the output, which begin where those of the previous input end. */
function inTurn(reads: Reads, axis: number, total: number): boolean {
  let start = 0;
  for (const one of reads) {
    const window = one[axis]?.relation;
    if (window?.kind !== "window" || !isEmptyEdge(window.edge) || window.span !== 1 || window.up !== 1) return false;
    const { size } = window;
    if (window.stride !== 1 || window.lo !== start || window.hi !== total - start - size) return false;
    start += size;
  }
  return start === total;
}

/** What the units of maps see that are concatenated along an axis; `sizes` counts the units of each along it. */
export function joinedMaps(parts: readonly Track[], sizes: readonly number[], axis: number, pixels: number): Track {
  const seen = parts.filter((part) => !part.boxes.blind);
  if (!seen.length) return BLIND;
  const axes = new Set(seen.map((part) => part.axis));
  const positions = new Set([...axes].filter((one) => one !== null));
  let found: Track;
  if (!seen.every((part) => part.ordered) || positions.size > 1 || axes.has(0)) found = inNoOrder(parts, axis);
  else if ([...positions].every((one) => one === axis)) found = oneAfterTheOther(parts, sizes, axis, pixels);
  else found = sideBySide(seen, sizes);
  return {
    ...found,
    exact: found.exact && seen.every((part) => part.exact),
    mixed: seen.some((part) => part.mixed || part.shares.length > 0),
    unknown: seen.some((part) => part.unknown),
    shares: [],
  };
}

function inNoOrder(parts: readonly Track[], axis: number): Track {
  const found = listed(parts);
  if (parts.every((part) => part.axis === axis || part.axis === null)) return { ...found, axis };
  return { ...seenWhole(found), exact: false };
}

function oneAfterTheOther(parts: readonly Track[], sizes: readonly number[], axis: number, pixels: number): Track {
  const first = parts[0].boxes;
  if (parts.every((part) => part.axis === null && equalBoxes(part.boxes, first))) return parts[0];
  const boxes = endToEnd(parts.map((part, at) => spreadOver(part, sizes[at], pixels)));
  const starts = [0];
  for (const size of sizes) starts.push(starts[starts.length - 1] + size);
  let line = mainLine(parts.map((part, at) => part.line && moved(part.line, starts[at])), sizes);
  const broken = (seam: number) => line !== null && !goesOn(boxes, line, seam, pixels);
  if (line && !line.seams && starts.slice(1, -1).some(broken)) line = { ...line, seams: true };
  return makeTrack(axis, boxes, line);
}

/** Units along another axis than the seams: each sees what its part sees. */
function sideBySide(seen: readonly Track[], sizes: readonly number[]): Track {
  const placed = seen.find((part) => part.axis !== null) as Track;
  const spread = seen.map((part) => spreadOver(part, placed.boxes.size, placed.boxes.pixels));
  const boxes = united(spread);
  const line = mainLine(seen.map((part) => part.line), sizes);
  return makeTrack(placed.axis, boxes, line, { exact: spread.every((part) => equalBoxes(part, boxes)) });
}

/** The line with the largest field, the longest of several, if all lines advance equally. */
function mainLine(lines: readonly (Line | null)[], sizes: readonly number[]): Line | null {
  const steady: Line[] = [];
  for (const line of lines) {
    if (!line) return null;
    steady.push(line);
  }
  const one = steady[0];
  const differs = (line: Line) =>
    Math.abs(line.advance * one.phases.length) !== Math.abs(one.advance * line.phases.length);
  if (steady.some(differs)) return null;
  const weight = (at: number) => {
    const widest = Math.max(...steady[at].phases.map(([first, last]) => last - first));
    return [widest, steady[at].advance > 0 ? 1 : 0, sizes[at]];
  };
  let best = 0;
  for (let at = 1; at < steady.length; at++) if (isAbove(weight(at), weight(best))) best = at;
  const main = steady[best];
  return steady.every((line) => equalLines(line, main)) ? main : { ...main, seams: true };
}

function isAbove(one: readonly number[], other: readonly number[]): boolean {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at >= 0 && one[at] > other[at];
}

/** Whether units on both sides of a seam see what the line states. */
function goesOn(boxes: Boxes, line: Line, seam: number, pixels: number): boolean {
  const around = line.phases.length;
  for (let unit = Math.max(0, seam - around); unit < Math.min(boxes.size, seam + around); unit++) {
    const [low, high] = boxOn(line, unit), first = Math.max(0, low), last = Math.min(pixels - 1, high);
    const [seenFirst, seenLast] = boxes.box(unit);
    const same = seenFirst === first && seenLast === last;
    if (!same && (first <= last || seenFirst <= seenLast)) return false;
  }
  return true;
}

/** The box of every unit on an image of `pixels`, even if all see the same, or nothing. */
function spreadOver(part: Track, size: number, pixels: number): Boxes {
  return part.axis !== null ? part.boxes : alike(size, part.boxes.box(0), pixels);
}
