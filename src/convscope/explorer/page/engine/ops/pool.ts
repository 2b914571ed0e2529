/** Pooling: the maximum or the mean of a window or of an entire map. */

import type { AxisRead, Relation } from "../axis.ts";
import { makeAll, makeTable, makeWindow } from "../axis.ts";
import { ShapeError } from "../errors.ts";
import { averaged, largest } from "../kernels/pooled.ts";
import { ceilDiv, div, gcd } from "../numbers.ts";
import { flag, padding, sizes } from "../spell.ts";
import type { Shape } from "../types.ts";
import type { Op, Settings } from "./op.ts";
import { needSpatial } from "./op.ts";
import type { Sliding } from "./sliding.ts";
import { pads, windows } from "./sliding.ts";

interface Pool extends Sliding, Settings {
  readonly ceil: boolean;
}

interface AvgPool extends Pool {
  readonly count_pad: boolean;
}

interface Adaptive extends Settings {
  readonly size: readonly number[];
}

function checkPool(op: Pool, [shape]: readonly Shape[]): void {
  needSpatial(shape);
  if (pads(op, shape).some((pair, axis) => Math.max(...pair) > div(op.kernel[axis], 2))) {
    const what = "padding is more than half of the kernel, so a window could contain only padding";
    throw new ShapeError(what, "padding of at most half of the kernel");
  }
}

const poolAxes = (op: Pool, [shape]: readonly Shape[]) => [[channels(shape), ...windows(op, shape, op.ceil)]];

function channels(shape: Shape): AxisRead {
  return { follows: 0, relation: makeWindow(shape[0]) };
}

const maxpool: Op<Pool> = {
  keyword: "maxpool",
  indices: true,
  declared: [
    { name: "kernel", kind: sizes() },
    { name: "stride", kind: sizes("s", { like: "kernel" }), default: [] },
    { name: "pad", kind: padding(), default: [[0, 0]] },
    { name: "dilation", kind: sizes("d"), default: [1] },
    { name: "ceil", kind: flag("ceil", true), default: false },
  ],
  check: checkPool,
  axes: poolAxes,
  run: (_, call) => largest(call),
};

const avgpool: Op<AvgPool> = {
  keyword: "avgpool",
  declared: [
    { name: "kernel", kind: sizes() },
    { name: "stride", kind: sizes("s", { like: "kernel" }), default: [] },
    { name: "pad", kind: padding(), default: [[0, 0]] },
    { name: "ceil", kind: flag("ceil", true), default: false },
    { name: "count_pad", kind: flag("nocount", false), default: true },
  ],
  check: checkPool,
  axes: poolAxes,
  // padding counts as zeros, what a last window has beyond it does not
  run: (op, call) => averaged(call, op.count_pad ? pads(op, call.inputs[0].shape) : null),
};

function wholeMaps(_: unknown, [shape]: readonly Shape[]) {
  const spatial = shape.slice(1).map((size, axis) => ({ follows: axis + 1, relation: makeAll(size, 1) }));
  return [[channels(shape), ...spatial]];
}

const gap: Op = {
  keyword: "gap",
  declared: [],
  check: (_, [shape]) => needSpatial(shape),
  axes: wholeMaps,
  run: (_, call) => averaged(call, null),
};

const gmp: Op = {
  keyword: "gmp",
  declared: [],
  check: (_, [shape]) => needSpatial(shape),
  axes: wholeMaps,
  run: (_, call) => largest(call),
};

/** `out` windows that cover `size`: window `o` is `floor(o*size/out) … ceil((o+1)*size/out) - 1`. */
function shares(size: number, out: number): Relation {
  if (size % out === 0) return makeWindow(size, { kernel: size / out, stride: size / out });
  const common = gcd(size, out), period = out / common, moved = size / common;
  return makeTable(size, out, {
    key: "shares",
    width: ceilDiv(moved + period - 1, period),
    first: (o) => div(o * size, out),
    last: (o) => ceilDiv((o + 1) * size, out) - 1,
    turn: [period, moved],
  });
}

function adaptiveAxes(op: Adaptive, [shape]: readonly Shape[]) {
  const spatial = op.size.map((out, axis) => ({ follows: axis + 1, relation: shares(shape[axis + 1], out) }));
  return [[channels(shape), ...spatial]];
}

const adaptiveAvg: Op<Adaptive> = {
  keyword: "aavgpool",
  declared: [{ name: "size", kind: sizes() }],
  check: (_, [shape]) => needSpatial(shape),
  axes: adaptiveAxes,
  run: (_, call) => averaged(call, null),
};

const adaptiveMax: Op<Adaptive> = {
  keyword: "amaxpool",
  indices: true,
  declared: [{ name: "size", kind: sizes() }],
  check: (_, [shape]) => needSpatial(shape),
  axes: adaptiveAxes,
  run: (_, call) => largest(call),
};

export const POOL: readonly Op[] = [
  maxpool,
  avgpool,
  gap,
  gmp,
  adaptiveAvg,
  adaptiveMax,
];
