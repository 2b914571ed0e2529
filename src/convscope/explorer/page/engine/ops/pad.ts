/** Padding, cropping, striding, rolling: windows of one tap. */

import type { Edge, Window } from "../axis.ts";
import { makeWindow } from "../axis.ts";
import { FieldError, ShapeError } from "../errors.ts";
import { gathered } from "../kernels/gathered.ts";
import { mod, pythonFloat } from "../numbers.ts";
import { choice, padding, real, sizes } from "../spell.ts";
import type { Pair } from "../spell.ts";
import type { Shape } from "../types.ts";
import type { Op, Settings } from "./op.ts";
import { needSpatial } from "./op.ts";

/** The edge of a window for each word of the notation. */
const EDGES: Readonly<Record<string, Edge>> = {
  zero: "zero",
  reflect: "reflect",
  replicate: "clamp",
  circular: "wrap",
};

interface Pad extends Settings {
  readonly sides: readonly Pair[];
  readonly mode: string;
  readonly value: number;
}

interface Sides extends Settings {
  readonly sides: readonly Pair[];
}

interface Slice extends Settings {
  readonly stride: readonly number[];
  readonly offset: readonly number[];
}

interface Roll extends Settings {
  readonly shift: readonly number[];
}

function spatial(shape: Shape, relation: (size: number, axis: number) => Window) {
  const all = [makeWindow(shape[0]), ...shape.slice(1).map(relation)];
  return [all.map((window, axis) => ({ follows: axis, relation: window }))];
}

const pad: Op<Pad> = {
  keyword: "pad",
  declared: [
    { name: "sides", kind: padding("", false) },
    { name: "mode", kind: choice(Object.keys(EDGES)), default: "zero" },
    { name: "value", kind: real("v", { minimum: -Infinity }), default: 0 },
  ],
  check(op, [shape]) {
    needSpatial(shape);
    if (op.value && op.mode !== "zero") {
      const what = `value=${pythonFloat(op.value)} has no effect with ${op.mode} padding`;
      throw new FieldError(what, "a value only with constant padding");
    }
    const short = op.mode === "reflect" ? 1 : op.mode === "circular" ? 0 : null;
    op.sides.forEach((pair, axis) => {
      const size = shape[axis + 1];
      if (short !== null && Math.max(...pair) > size - short) {
        const what = `${op.mode} padding of ${Math.max(...pair)} is too large for an axis of ${size}`;
        throw new ShapeError(what, `at most ${size - short}`);
      }
    });
  },
  axes: (op, [shape]) =>
    spatial(shape, (size, axis) => {
      const [lo, hi] = op.sides[axis];
      return makeWindow(size, { lo, hi, edge: EDGES[op.mode] });
    }),
  run: (op, call) => gathered(call, op.value),
};

const crop: Op<Sides> = {
  keyword: "crop",
  declared: [{ name: "sides", kind: padding("", false) }],
  check: (_, [shape]) => needSpatial(shape),
  axes: (op, [shape]) =>
    spatial(shape, (size, axis) => makeWindow(size, { lo: -op.sides[axis][0], hi: -op.sides[axis][1] })),
  run: (_, call) => gathered(call, 0),
};

const slice: Op<Slice> = {
  keyword: "slice",
  memory: "view",
  declared: [
    { name: "stride", kind: sizes("s"), default: [2] },
    { name: "offset", kind: sizes("o", { minimum: 0 }), default: [0] },
  ],
  check: (_, [shape]) => needSpatial(shape),
  axes: (op, [shape]) =>
    spatial(shape, (size, axis) => makeWindow(size, { stride: op.stride[axis], lo: -op.offset[axis] })),
  run: (_, call) => gathered(call, 0),
};

const roll: Op<Roll> = {
  keyword: "roll",
  declared: [{ name: "shift", kind: sizes("", { minimum: 0 }) }],
  check: (_, [shape]) => needSpatial(shape),
  axes: (op, [shape]) =>
    spatial(shape, (size, axis) => {
      const shift = mod(op.shift[axis], size);
      return makeWindow(size, { lo: shift, hi: -shift, edge: "wrap" });
    }),
  run: (_, call) => gathered(call, 0),
};

export const PAD: readonly Op[] = [pad, crop, slice, roll];
