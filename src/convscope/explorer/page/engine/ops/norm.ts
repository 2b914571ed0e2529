/** Normalisation. */

import { along, makeAll, makeWindow } from "../axis.ts";
import type { AxisRead } from "../axis.ts";
import { ShapeError } from "../errors.ts";
import { batchNormed, localResponse, normed, rootMeanSquared } from "../kernels/normed.ts";
import { div } from "../numbers.ts";
import { count, flag, real } from "../spell.ts";
import type { Shape } from "../types.ts";
import type { Op, Settings, WeightSpec } from "./op.ts";
import { checkGroups, groupReads, stored, trained, volume } from "./op.ts";

interface Norm extends Settings {
  readonly affine: boolean;
  readonly eps: number;
}

interface Grouped extends Norm {
  readonly groups: number;
}

const EPS = { name: "eps", kind: real("e"), default: 1e-5 };
const AFFINE = { name: "affine", kind: flag("noaffine", false), default: true };

function scaleAndShift(channels: number): WeightSpec[] {
  return [trained("weight", [channels]), trained("bias", [channels])];
}

/** The entire map, and some channels of it. */
function wholeMap(channels: AxisRead, shape: Shape): AxisRead[] {
  return [channels, ...shape.slice(1).map((size, axis) => ({ follows: axis + 1, relation: makeAll(size, size) }))];
}

const bn: Op<Norm> = {
  keyword: "bn",
  declared: [AFFINE, EPS],
  axes: (_, [shape]) => [along(shape)],
  weights: (op, [shape]) => [
    ...(op.affine ? scaleAndShift(shape[0]) : []),
    stored("running_mean", [shape[0]]),
    stored("running_var", [shape[0]]),
    stored("num_batches_tracked", [], "int64"),
  ],
  run: (op, call) => batchNormed(call, op.eps),
};

const gn: Op<Grouped> = {
  keyword: "gn",
  declared: [{ name: "groups", kind: count() }, AFFINE, EPS],
  check: (op, [shape]) => checkGroups(op.groups, shape),
  axes: (_, [shape]) => [along(shape)],
  statistics: (op, [shape]) => wholeMap({ follows: 0, relation: groupReads(shape[0], shape[0], op.groups) }, shape),
  weights: (op, [shape]) => (op.affine ? scaleAndShift(shape[0]) : []),
  run: (op, call) => normed(call, { channels: call.output.shape[0] / op.groups, map: true }, op.eps),
};

const instnorm: Op<Norm> = {
  keyword: "instnorm",
  declared: [{ name: "affine", kind: flag("affine", true), default: false }, EPS],
  check(_, [shape]) {
    if (volume(shape.slice(1)) < 2) {
      throw new ShapeError("a map with a single position has no variance", "a larger map");
    }
  },
  axes: (_, [shape]) => [along(shape)],
  statistics: (_, [shape]) => wholeMap(along(shape)[0], shape),
  weights: (op, [shape]) => (op.affine ? scaleAndShift(shape[0]) : []),
  run: (op, call) => normed(call, { channels: 1, map: true }, op.eps),
};

function byPosition(op: Grouped, [shape]: readonly Shape[]) {
  return [[{ follows: 0, relation: groupReads(shape[0], shape[0], op.groups) }, ...along(shape).slice(1)]];
}

const ln: Op<Grouped> = {
  keyword: "ln",
  declared: [AFFINE, { name: "groups", kind: count("g"), default: 1 }, EPS],
  check: (op, [shape]) => checkGroups(op.groups, shape),
  axes: byPosition,
  weights: (op, [shape]) => (op.affine ? scaleAndShift(div(shape[0], op.groups)) : []),
  run: (op, call) => normed(call, { channels: call.output.shape[0] / op.groups, map: false }, op.eps),
};

const rmsnorm: Op<Grouped> = {
  keyword: "rmsnorm",
  declared: [AFFINE, { name: "groups", kind: count("g"), default: 1 }, EPS],
  check: (op, [shape]) => checkGroups(op.groups, shape),
  axes: byPosition,
  weights: (op, [shape]) => (op.affine ? scaleAndShift(div(shape[0], op.groups)).slice(0, 1) : []),
  run: (op, call) => rootMeanSquared(call, call.output.shape[0] / op.groups, op.eps),
};

interface LocalResponse extends Settings {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

const lrn: Op<LocalResponse> = {
  keyword: "lrn",
  declared: [
    { name: "size", kind: count() },
    { name: "alpha", kind: real("alpha"), default: 1e-4 },
    { name: "beta", kind: real("beta"), default: 0.75 },
    { name: "k", kind: real("k"), default: 1 },
  ],
  axes(op, [shape]) {
    const lo = div(op.size, 2);
    const channels = makeWindow(shape[0], { kernel: op.size, lo, hi: op.size - 1 - lo });
    return [[{ follows: 0, relation: channels }, ...along(shape).slice(1)]];
  },
  run: (op, call) => localResponse(call, op.size, op.alpha, op.beta, op.k),
};

export const NORM: readonly Op[] = [bn, gn, instnorm, ln, rmsnorm, lrn];
