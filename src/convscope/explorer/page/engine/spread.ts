/**
 * Weights on the positions of a layer, stored once for positions of equal weight.
 *
 * Along each axis, channels included, the positions of a window are sorted into kinds; the weights are an array over the
 * kinds. After a global pooling all positions are of one kind, and channels are of few kinds in most nets.
 */

import { beyond, firstTap, isPlain, tapStep } from "./axis.ts";
import type { AxisRead, Relation } from "./axis.ts";

/** The positions `start, start + 1, …` of an axis that have a weight, with their kinds. */
export interface Kinds {
  readonly start: number;
  readonly size: number;
  /** The kind of each position; null if all are of one kind. */
  readonly of: Int32Array | null;
  readonly count: number;
}

export interface Spread {
  readonly axes: readonly Kinds[];
  /** The weight of one position, by its kind along each axis. */
  readonly weight: Float64Array;
}

/** The most numbers of a spread. */
const MOST = 2 ** 23;

/** Thrown where the weights would take too much memory. */
export class TooManyError extends Error {}

const one = (start: number, size: number): Kinds => ({ start, size, of: null, count: 1 });
const kindAt = (kinds: Kinds, at: number) => (kinds.of ? kinds.of[at] : 0);

function array(size: number): Float64Array {
  if (size > MOST) throw new TooManyError();
  return new Float64Array(size);
}

/** A weight of 1, spread equally over the positions from first to last along each axis. */
export function even(ends: readonly (readonly [number, number])[]): Spread {
  const axes = ends.map(([first, last]) => one(first, last - first + 1));
  return { axes, weight: Float64Array.of(1 / axes.reduce((all, axis) => all * axis.size, 1)) };
}

/** The numbers of kinds before an axis, and after it. */
function around({ axes }: Spread, axis: number): [number, number] {
  const all = (some: readonly Kinds[]) => some.reduce((product, kinds) => product * kinds.count, 1);
  return [all(axes.slice(0, axis)), all(axes.slice(axis + 1))];
}

/** The same weights by other kinds along an axis, each the sum of some old kinds by some shares. */
function mapped(spread: Spread, axis: number, kinds: Kinds, parts: readonly Part[]): Spread {
  const [outer, inner] = around(spread, axis), before = spread.axes[axis].count;
  const weight = array(outer * kinds.count * inner);
  for (const [to, from, share] of parts) {
    for (let i = 0; i < outer; i++) {
      const target = (i * kinds.count + to) * inner, source = (i * before + from) * inner;
      for (let j = 0; j < inner; j++) weight[target + j] += share * spread.weight[source + j];
    }
  }
  return { axes: spread.axes.map((old, at) => (at === axis ? kinds : old)), weight };
}

/** New kind, old kind, share. */
type Part = readonly [number, number, number];

/** How many positions are of each kind. */
function counts(kinds: Kinds): Float64Array {
  const found = new Float64Array(kinds.count);
  if (!kinds.of) found[0] = kinds.size;
  else for (const kind of kinds.of) found[kind]++;
  return found;
}

/** The weights summed over all positions along an axis, which keeps one position. */
function summed(spread: Spread, axis: number): Spread {
  const parts = [...counts(spread.axes[axis])].map((count, kind): Part => [0, kind, count]);
  return mapped(spread, axis, one(0, 1), parts);
}

/** The sum over all positions. */
export function total(spread: Spread): number {
  return spread.axes.reduce((found, _, axis) => summed(found, axis), spread).weight[0];
}

function scaled(spread: Spread, by: number): Spread {
  return { ...spread, weight: spread.weight.map((value) => value * by) };
}

/** Every position along an axis as a kind of its own. */
function dense(spread: Spread, axis: number): Spread {
  const { start, size } = spread.axes[axis], of = Int32Array.from({ length: size }, (_, at) => at);
  const parts = Array.from({ length: size }, (_, at): Part => [at, kindAt(spread.axes[axis], at), 1]);
  return mapped(spread, axis, { start, size, of, count: size }, parts);
}

/** The sum of the weights of one layer that arrive on two ways. */
export function added(a: Spread, b: Spread): Spread {
  let [left, right] = [a, b];
  a.axes.forEach((mine, axis) => {
    const its = b.axes[axis];
    if (mine === its || (!mine.of && !its.of && mine.start === its.start && mine.size === its.size)) return;
    const start = Math.min(mine.start, its.start), stop = Math.max(mine.start + mine.size, its.start + its.size);
    const pairs = new Map<string, [number, number]>(), names: string[] = [];
    for (let at = start; at < stop; at++) {
      const pair: [number, number] = [kindIn(mine, at), kindIn(its, at)];
      names.push(pair.join());
      pairs.set(names[at - start], pair);
    }
    const kinds = kindsOf(start, names), order = [...pairs.values()];
    const parts = (side: 0 | 1) =>
      order.flatMap((pair, kind): Part[] => (pair[side] < 0 ? [] : [[kind, pair[side], 1]]));
    left = mapped(left, axis, kinds, parts(0));
    right = mapped(right, axis, kinds, parts(1));
  });
  return { axes: left.axes, weight: left.weight.map((value, at) => value + right.weight[at]) };
}

function kindIn(kinds: Kinds, position: number): number {
  const at = position - kinds.start;
  return at >= 0 && at < kinds.size ? kindAt(kinds, at) : -1;
}

/** Kinds of positions by their names, numbered as they come. */
function kindsOf(start: number, names: readonly string[]): Kinds {
  const numbers = new Map<string, number>();
  const of = Int32Array.from(names, (name) => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name) as number;
  });
  return { start, size: names.length, of: numbers.size === 1 ? null : of, count: numbers.size };
}

/** Calls `visit` with each input that an output reads, and returns the number of all that it reads, padding included. */
export function eachTap(relation: Relation, o: number, visit: (index: number) => void): number {
  if (relation.kind === "all") return relation.size;
  if (relation.kind === "table") {
    const first = relation.first(o), last = relation.last(o), end = relation.size - 1;
    for (let index = first; index <= last; index++) visit(Math.min(Math.max(index, 0), end));
    return Math.max(1, last - first + 1);
  }
  const start = relation.stride * o - relation.lo, tap = firstTap(relation, start), step = tapStep(relation);
  for (let t = tap; tap >= 0 && t < relation.kernel; t += step) {
    const index = beyond((start + relation.dilation * t) / relation.up, relation.size, relation.edge);
    if (index >= 0) visit(index);
  }
  if (relation.up === 1) return relation.kernel;
  return tap < 0 ? 1 : Math.floor((relation.kernel - 1 - tap) / step) + 1;
}

/** The weights of a layer on the positions of one input; null if all weight is lost. */
export function pulledBack(spread: Spread, reads: readonly AxisRead[]): Spread | null {
  let found: Spread | null = spread;
  const places: number[][] = spread.axes.map((_, axis) =>
    reads.flatMap((read, at) => (read.follows === axis ? [at] : []))
  );
  const order: number[] = [];
  for (let axis = places.length - 1; axis >= 0 && found; axis--) {
    const relations = places[axis].map((at) => reads[at].relation);
    if (!relations.length) found = without(summed(found, axis), axis);
    else found = relations.length === 1 ? handedBack(found, axis, relations[0]) : fannedOut(found, axis, relations);
    order.unshift(...places[axis]);
  }
  return found && turned(found, order);
}

/** Drops an axis of one kind. */
function without(spread: Spread, axis: number): Spread {
  return { axes: spread.axes.filter((_, at) => at !== axis), weight: spread.weight };
}

/** The axes in the order of the input; they are in another one only where its axes go to others of the output. */
function turned(spread: Spread, order: readonly number[]): Spread {
  if (order.every((at, place) => at === place)) return spread;
  const axes = order.map((_, at) => spread.axes[order.indexOf(at)]), weight = array(spread.weight.length);
  const steps = axes.map((_, at) => around({ axes, weight }, at)[1]);
  for (let at = 0; at < weight.length; at++) {
    let rest = at, to = 0;
    for (let place = order.length - 1; place >= 0; place--) {
      const { count } = spread.axes[place];
      to += (rest % count) * steps[order[place]];
      rest = Math.floor(rest / count);
    }
    weight[to] = spread.weight[at];
  }
  return { axes, weight };
}

/** The weights along one axis on the input positions that it reads. */
function handedBack(spread: Spread, axis: number, relation: Relation): Spread | null {
  if (isPlain(relation)) return spread;
  if (relation.kind === "all") {
    const whole = scaled(summed(spread, axis), 1 / relation.size);
    return { ...whole, axes: whole.axes.map((kinds, at) => (at === axis ? one(0, relation.size) : kinds)) };
  }
  const kinds = spread.axes[axis], read: [number, number, number][] = [];
  let low = Infinity, high = -1;
  for (let at = 0; at < kinds.size; at++) {
    const begin = read.length, kind = kindAt(kinds, at);
    const width = eachTap(relation, kinds.start + at, (index) => {
      read.push([index, kind, 1]);
      low = Math.min(low, index);
      high = Math.max(high, index);
    });
    for (let each = begin; each < read.length; each++) read[each][2] = 1 / width;
  }
  return high < 0 ? null : grouped(spread, axis, [low, high], read);
}

/** Input positions that get the same shares of the same kinds are of one kind. */
function grouped(spread: Spread, axis: number, [low, high]: readonly [number, number], read: readonly Part[]): Spread {
  const count = spread.axes[axis].count, size = high - low + 1;
  if (count > 64) { // most positions differ
    const of = Int32Array.from({ length: size }, (_, at) => at);
    return mapped(
      spread,
      axis,
      { start: low, size, of, count: size },
      read.map(([to, from, share]) => [to - low, from, share]),
    );
  }
  const sums = array(size * count);
  for (const [to, from, share] of read) sums[(to - low) * count + from] += share;
  const rows = Array.from({ length: size }, (_, at) => sums.subarray(at * count, (at + 1) * count));
  const kinds = kindsOf(low, rows.map((row) => row.join())), done = new Set<number>(), parts: Part[] = [];
  rows.forEach((row, at) => {
    const kind = kindAt(kinds, at);
    if (done.has(kind)) return;
    done.add(kind);
    row.forEach((share, from) => share && parts.push([kind, from, share]));
  });
  return mapped(spread, axis, kinds, parts);
}

/** The weights along one axis on several input axes that follow it, which replace it: those of a flattened map. */
function fannedOut(spread: Spread, axis: number, relations: readonly Relation[]): Spread | null {
  const sizes = relations.map((relation) => relation.size), places = sizes.reduce((a, b) => a * b, 1);
  const kinds = spread.axes[axis], isWhole = !kinds.of && kinds.size === relations[0].extent;
  const single = relations.every((relation) => relation.kind === "table" && relation.width === 1);
  if (relations.every((relation) => relation.kind === "all") || (isWhole && single && places === relations[0].extent)) {
    const { axes, weight } = scaled(summed(spread, axis), 1 / places);
    return { axes: [...axes.slice(0, axis), ...sizes.map((size) => one(0, size)), ...axes.slice(axis + 1)], weight };
  }
  return scattered(dense(spread, axis), axis, relations);
}

/** Each position individually on all combinations of what it reads along several axes. */
function scattered(spread: Spread, axis: number, relations: readonly Relation[]): Spread | null {
  const { start, size } = spread.axes[axis], lists: (readonly number[])[][] = [], widths: number[] = [];
  const ends = relations.map((): [number, number] => [Infinity, -1]);
  for (let at = 0; at < size; at++) {
    let width = 1;
    lists.push(relations.map((relation, number) => {
      const list: number[] = relation.kind === "all" ? Array.from({ length: relation.size }, (_, index) => index) : [];
      width *= eachTap(relation, start + at, (index) => list.push(index));
      for (const index of list) ends[number] = [Math.min(ends[number][0], index), Math.max(ends[number][1], index)];
      return list;
    }));
    widths.push(width);
  }
  if (ends.some(([, last]) => last < 0)) return null;
  const sizes = ends.map(([first, last]) => last - first + 1), [outer, inner] = around(spread, axis);
  const places = sizes.reduce((a, b) => a * b, 1), weight = array(outer * places * inner);
  for (let at = 0; at < size; at++) {
    let targets = [0];
    lists[at].forEach((list, number) => {
      targets = targets.flatMap((target) => list.map((index) => target * sizes[number] + index - ends[number][0]));
    });
    for (const target of targets) {
      for (let i = 0; i < outer; i++) {
        for (let j = 0; j < inner; j++) {
          weight[(i * places + target) * inner + j] += spread.weight[(i * size + at) * inner + j] / widths[at];
        }
      }
    }
  }
  const axes = sizes.map((count, number): Kinds => {
    return { start: ends[number][0], size: count, of: Int32Array.from({ length: count }, (_, at) => at), count };
  });
  return { axes: [...spread.axes.slice(0, axis), ...axes, ...spread.axes.slice(axis + 1)], weight };
}

/** The weights split over several inputs: a unit gives equally to the inputs that it reads, and to none what it lacks. */
export function shared(spread: Spread, inputs: readonly (readonly AxisRead[])[]): Spread[] {
  let found = spread;
  const marks: boolean[][][] = []; // by axis, by kind, by input
  for (let axis = 0; axis < spread.axes.length; axis++) {
    const kinds = found.axes[axis], rows = readingOf(kinds, axis, inputs);
    const names = rows.map((row, at) => `${kindAt(kinds, at)} ${row.join()}`), split = kindsOf(kinds.start, names);
    const parts = new Map<number, Part>(), mine: boolean[][] = [];
    rows.forEach((row, at) => {
      const kind = kindAt(split, at);
      parts.set(kind, [kind, kindAt(kinds, at), 1]);
      mine[kind] = row;
    });
    found = mapped(found, axis, split, [...parts.values()]);
    marks.push(mine);
  }
  return divided(found, marks, inputs.length);
}

/** For each position, whether it reads each input along an axis. */
function readingOf(kinds: Kinds, axis: number, inputs: readonly (readonly AxisRead[])[]): boolean[][] {
  return Array.from({ length: kinds.size }, (_, at) => {
    return inputs.map((reads) =>
      reads.every(({ follows, relation }) => {
        if (follows !== axis || relation.kind === "all" || isPlain(relation)) return true;
        let some = false;
        eachTap(relation, kinds.start + at, () => some = true);
        return some;
      })
    );
  });
}

function divided(spread: Spread, marks: readonly boolean[][][], inputs: number): Spread[] {
  const weights = Array.from({ length: inputs }, () => array(spread.weight.length)), left = array(spread.weight.length);
  for (let at = 0; at < spread.weight.length; at++) {
    let rest = at;
    const on = new Array<boolean>(inputs).fill(true);
    for (let axis = spread.axes.length - 1; axis >= 0; axis--) {
      const { count } = spread.axes[axis];
      marks[axis][rest % count].forEach((mark, number) => on[number] &&= mark);
      rest = Math.floor(rest / count);
    }
    const of = on.filter(Boolean).length;
    if (!of) continue;
    left[at] = spread.weight[at];
    on.forEach((mark, number) => mark && (weights[number][at] = spread.weight[at] / of));
  }
  // units that read none of these inputs leave their weight to the others
  const kept = total({ axes: spread.axes, weight: left }), by = kept > 0 ? total(spread) / kept : 1;
  return weights.map((weight) => scaled({ axes: spread.axes, weight }, by));
}
