/**
 * Reads: which input indices an output index reads along one axis.
 *
 * Three kinds are enough: `Window` (convolution, pooling, padding, cropping, striding, nearest up-sampling), `Table`
 * (channel groups, concatenation, flattening, resizing) and `All` (linear layers, global pooling). Shapes, receptive
 * fields, support and readers derive from them and from nothing else.
 */

import { div, gcd, inverse, mod } from "./numbers.ts";
import type { Blocks, Read } from "./types.ts";

/** What lies beyond an input. */
export type Edge = "zero" | "apart" | "clamp" | "reflect" | "wrap";

/** Output `o` reads `stride*o - lo + dilation*t`, `0 <= t < kernel`, on the input stretched `up`-fold. */
export interface Window {
  readonly kind: "window";
  readonly key: string;
  readonly size: number;
  readonly extent: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly lo: number;
  readonly hi: number;
  readonly up: number;
  /** What lies beyond: `zero` and `apart` depend on nothing; `clamp`, `reflect` and `wrap` read the input again. */
  readonly edge: Edge;
  /** Input steps from the first tap to the last, inclusive. */
  readonly span: number;
}

/** Output `o` reads `first(o) … last(o)`, inclusive; nothing if the first lies after the last. */
export interface Table {
  readonly kind: "table";
  readonly key: string;
  readonly size: number;
  readonly extent: number;
  /** The most input indices that one output reads. */
  readonly width: number;
  first(o: number): number;
  last(o: number): number;
  /** Period `(outputs, inputs)` of the ranges; null if they are not periodic, undefined if that is unknown. */
  readonly turn: readonly [number, number] | null | undefined;
}

/** Every output reads every input. */
export interface All {
  readonly kind: "all";
  readonly key: string;
  readonly size: number;
  readonly extent: number;
}

export type Relation = Window | Table | All;

/** One input axis: the output axis that it follows, and how. */
export interface AxisRead {
  readonly follows: number;
  readonly relation: Relation;
}

/** One read for each axis of each input. */
export type Reads = readonly (readonly AxisRead[])[];

interface WindowFields {
  kernel?: number;
  stride?: number;
  dilation?: number;
  lo?: number;
  hi?: number;
  up?: number;
  edge?: Edge;
}

export function makeWindow(size: number, fields: WindowFields = {}): Window {
  const { kernel = 1, stride = 1, dilation = 1, lo = 0, hi = 0, up = 1, edge = "zero" } = fields;
  const span = dilation * (kernel - 1) + 1;
  const extent = div((size - 1) * up + 1 + lo + hi - span, stride) + 1;
  const key = `w${size},${kernel},${stride},${dilation},${lo},${hi},${up},${edge}`;
  return { kind: "window", key, size, extent, kernel, stride, dilation, lo, hi, up, edge, span };
}

export function makeAll(size: number, extent: number): All {
  return { kind: "all", key: `a${size},${extent}`, size, extent };
}

interface TableFields {
  key: string;
  width: number;
  first: (o: number) => number;
  last: (o: number) => number;
  turn?: readonly [number, number] | null;
}

export function makeTable(size: number, extent: number, fields: TableFields): Table {
  return { kind: "table", size, extent, turn: null, ...fields, key: `t${size},${extent},${fields.key}` };
}

/** Whether a relation reads the input of the output's own number and nothing else. */
export function isPlain(relation: Relation): boolean {
  return relation.kind === "window" && relation.key === `w${relation.size},1,1,1,0,0,1,zero`;
}

export function isEmptyEdge(edge: Edge): boolean {
  return edge === "zero" || edge === "apart";
}

/** The first tap of a window from `start` that meets an input index and not a filling zero; -1 for none. */
export function firstTap(window: Window, start: number): number {
  const common = gcd(window.dilation, window.up);
  if (mod(start, common)) return -1;
  const step = window.up / common;
  const tap = step === 1 ? 0 : mod(-(start / common) * inverse((window.dilation / common) % step, step), step);
  return tap < window.kernel ? tap : -1;
}

/** The step from a tap that meets an input index to the next such tap. */
export function tapStep(window: Window): number {
  return window.up / gcd(window.dilation, window.up);
}

/** An index beyond the borders by the rule of the edge; -1 if nothing is read there. */
export function beyond(index: number, size: number, edge: Edge): number {
  if (index >= 0 && index < size) return index;
  if (isEmptyEdge(edge)) return -1;
  if (edge === "clamp") return index < 0 ? 0 : size - 1;
  if (edge === "wrap") return mod(index, size);
  const around = Math.max(1, 2 * size - 2);
  const folded = Math.abs(index) % around;
  return Math.min(folded, 2 * size - 2 - folded);
}

/** Calls `visit` with each input index that output `o` reads, repeated ones as often as they are read. */
export function eachRead(relation: Relation, o: number, visit: (index: number) => void): void {
  if (relation.kind === "all") {
    for (let index = 0; index < relation.size; index++) visit(index);
  } else if (relation.kind === "table") {
    const last = Math.min(relation.last(o), relation.size - 1);
    for (let index = Math.max(0, relation.first(o)); index <= last; index++) visit(index);
  } else {
    const start = relation.stride * o - relation.lo;
    const tap = firstTap(relation, start);
    if (tap < 0) return;
    for (let t = tap; t < relation.kernel; t += tapStep(relation)) {
      const index = beyond((start + relation.dilation * t) / relation.up, relation.size, relation.edge);
      if (index >= 0) visit(index);
    }
  }
}

/** The relation of a read that a document states. Whether a table is periodic is not in there. */
export function relationOf(read: Read): Relation {
  if (read.kind === "all") return makeAll(read.size, read.extent);
  if (read.kind === "window") return makeWindow(read.size, read);
  if (read.kind === "blocks") return blocksOf(read);
  const { first, last } = read;
  let width = 0;
  for (let o = 0; o < first.length; o++) width = Math.max(width, last[o] - first[o] + 1);
  const key = `given${given++}`;
  const fields = { key, width, first: (o: number) => first[o], last: (o: number) => last[o] };
  return { ...makeTable(read.size, read.extent, fields), turn: undefined };
}

function blocksOf({ size, extent, run, turn, step, shift, width }: Blocks): Relation {
  const first = (o: number) => (turn === null ? div(o, run) : div(o, run) % turn) * step + shift;
  const within = (o: number) => Math.max(0, first(o));
  const last = (o: number) => Math.min(first(o) + width, size) - 1;
  const key = `blocks${run},${turn},${step},${shift},${width}`;
  return { ...makeTable(size, extent, { key, width, first: within, last }), turn: undefined };
}

let given = 0;

/** The read of a document for one axis; the ends of a table are listed when they are asked for. */
export function readOf({ follows, relation }: AxisRead): Read {
  if (relation.kind === "all") {
    return { kind: "all", follows, size: relation.size, extent: relation.extent, bound: false };
  }
  if (relation.kind === "window") {
    const { size, kernel, stride, dilation, lo, hi, up, edge } = relation;
    return { kind: "window", follows, size, kernel, stride, dilation, lo, hi, up, edge };
  }
  const { size, extent } = relation;
  const listed = (end: (o: number) => number) => Array.from({ length: extent }, (_, o) => end(o));
  return { // the ends are not stored: a flattened map has millions of outputs
    kind: "table",
    follows,
    size,
    extent,
    get first() {
      return listed(relation.first);
    },
    get last() {
      return listed(relation.last);
    },
  };
}

/** The reads of a pointwise op: every axis index by index. */
export function along(shape: readonly number[]): AxisRead[] {
  return shape.map((size, axis) => ({ follows: axis, relation: makeWindow(size) }));
}
