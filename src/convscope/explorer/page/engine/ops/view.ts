/** The same values in another shape; channels and positions that are rearranged, taken or prepended. */

import type { AxisRead, Relation } from "../axis.ts";
import { along, makeTable, makeWindow } from "../axis.ts";
import { ShapeError } from "../errors.ts";
import { gathered } from "../kernels/gathered.ts";
import { copied } from "../kernels/pointwise.ts";
import { folded, prepended, repeated, unfolded } from "../kernels/rearranged.ts";
import { div } from "../numbers.ts";
import { count, extent, flag, range, shapeText } from "../spell.ts";
import type { Shape } from "../types.ts";
import type { Call } from "../kernels/call.ts";
import type { Op, Settings } from "./op.ts";
import { needSpatial, trained, volume } from "./op.ts";

/** The digit of the output's number for one axis. */
function digit(size: number, step: number, total: number): Relation {
  const index = (o: number) => div(o, step) % size;
  return makeTable(size, total, { key: `digit${step}`, width: 1, first: index, last: index });
}

const flatten: Op = {
  keyword: "flatten",
  memory: "view",
  declared: [],
  axes: (_, [shape]) => [
    shape.map((size, axis) => ({
      follows: 0,
      relation: digit(size, volume(shape.slice(axis + 1)), volume(shape)),
    })),
  ],
  run: (_, call) => copied(call),
};

interface Grouped extends Settings {
  readonly groups: number;
}

/** A read of the channels, with the positions as they are. */
function ofChannels(relation: Relation, shape: Shape): AxisRead[][] {
  return [[{ follows: 0, relation }, ...along(shape).slice(1)]];
}

const shuffle: Op<Grouped> = {
  keyword: "shuffle",
  declared: [{ name: "groups", kind: count() }],
  check(op, [shape]) {
    if (shape[0] % op.groups) throw new ShapeError(`groups=${op.groups} does not divide the ${shape[0]} channels`);
  },
  axes(op, [shape]) {
    const source = (o: number) => (o % op.groups) * (shape[0] / op.groups) + div(o, op.groups);
    const fields = { key: `shuffle${op.groups}`, width: 1, first: source, last: source };
    return ofChannels(makeTable(shape[0], shape[0], fields), shape);
  },
  run: (_, call) => gathered(call, 0),
};

interface Factor extends Settings {
  readonly factor: number;
}

function needPlane(shape: Shape): void {
  if (shape.length !== 3) {
    throw new ShapeError(`the op needs two spatial axes, but ${shapeText(shape)} has ${shape.length - 1}`);
  }
}

const pixelshuffle: Op<Factor> = {
  keyword: "pixelshuffle",
  declared: [{ name: "factor", kind: count() }],
  hull: "channels",
  check(op, [shape]) {
    needPlane(shape);
    if (shape[0] % op.factor ** 2) {
      throw new ShapeError(`${op.factor}x${op.factor} does not divide the ${shape[0]} channels`);
    }
  },
  axes(op, [shape]) {
    const kernel = op.factor, width = kernel ** 2;
    const first = (o: number) => o * width;
    const fields = { key: "unfold", width, first, last: (o: number) => o * width + width - 1 };
    const window = (size: number) => makeWindow(size, { kernel, lo: kernel - 1, hi: kernel - 1, up: kernel });
    const all = [makeTable(shape[0], shape[0] / width, fields), ...shape.slice(1).map(window)];
    return [all.map((relation, axis) => ({ follows: axis, relation }))];
  },
  run: (op, call) => unfolded(call, op.factor),
};

const pixelunshuffle: Op<Factor> = {
  keyword: "pixelunshuffle",
  declared: [{ name: "factor", kind: count() }],
  hull: "channels",
  check(op, [shape]) {
    needPlane(shape);
    if (shape.slice(1).some((size) => size % op.factor)) {
      throw new ShapeError(`${op.factor} does not divide ${shapeText(shape)}`);
    }
  },
  axes(op, [shape]) {
    const block = op.factor ** 2, kernel = op.factor;
    const source = (o: number) => div(o, block);
    const fields = { key: `fold${block}`, width: 1, first: source, last: source };
    const window = (size: number) => makeWindow(size, { kernel, stride: kernel });
    const all = [makeTable(shape[0], shape[0] * block, fields), ...shape.slice(1).map(window)];
    return [all.map((relation, axis) => ({ follows: axis, relation }))];
  },
  run: (op, call) => folded(call, op.factor),
};

interface Take extends Settings {
  readonly range: readonly [number, number, number];
}

const take: Op<Take> = {
  keyword: "take",
  memory: "view",
  declared: [{ name: "range", kind: range() }],
  check(op, [shape]) {
    if (op.range[1] > shape[0]) {
      throw new ShapeError(`channels up to ${op.range[1]} are taken of ${shape[0]}`, `at most ${shape[0]}`);
    }
  },
  axes(op, [shape]) {
    const [first, last, stride] = op.range;
    return ofChannels(makeWindow(shape[0], { stride, lo: -first, hi: last - shape[0] }), shape);
  },
  run: (_, call) => gathered(call, 0),
};

interface Tokens extends Settings {
  readonly count: number;
}

const tokens: Op<Tokens> = {
  keyword: "tokens",
  declared: [{ name: "count", kind: count() }],
  check: (_, [shape]) => needSpatial(shape),
  axes(op, [shape]) {
    const reads = along(shape);
    reads[1] = { follows: 1, relation: makeWindow(shape[1], { lo: op.count, edge: "apart" }) };
    return [reads];
  },
  weights: (op, [shape]) => [trained("weight", [shape[0], op.count, ...shape.slice(2)])],
  run: (op, call) => prepended(call, op.count),
};

interface Stored extends Settings {
  readonly shape: Shape;
  readonly fixed: boolean;
}

const FIXED = { name: "fixed", kind: flag("fixed", true), default: false };

/** An elementwise op with a tensor of its own, which is repeated along an axis where it is shorter. */
function stored(keyword: string, run: (call: Call, shape: Shape) => void): Op {
  const op: Op<Stored> = {
    keyword,
    declared: [{ name: "shape", kind: extent() }, FIXED],
    check(op, [shape]) {
      if (op.shape.length !== shape.length || shape.some((size, axis) => size % op.shape[axis])) {
        throw new ShapeError(`${shapeText(op.shape)} does not tile ${shapeText(shape)}`);
      }
    },
    axes: (_, [shape]) => [along(shape)],
    weights: (op) => [{ ...trained("weight", op.shape), trained: !op.fixed }],
    run: (op, call) => run(call, op.shape),
  };
  return op;
}

interface Const extends Settings {
  readonly out: Shape;
  readonly fixed: boolean;
}

const constant: Op<Const> = {
  keyword: "const",
  declared: [{ name: "out", kind: extent() }, FIXED],
  source: true,
  // every window lies beyond the input
  axes(op, [shape]) {
    const last = op.out.length - 1;
    return [shape.map((size, axis) => {
      const follows = Math.min(axis, last);
      return { follows, relation: makeWindow(size, { lo: -size, hi: op.out[follows] }) };
    })];
  },
  output: (op) => op.out,
  weights: (op) => [{ ...trained("weight", op.out), trained: !op.fixed }],
  run: (_, call) => call.output.data.set(call.weights.weight),
};

export const VIEW: readonly Op[] = [
  flatten,
  shuffle,
  pixelshuffle,
  pixelunshuffle,
  take,
  tokens,
  stored("scale", (call, shape) => repeated(call, shape, (x, weight) => x * weight)),
  stored("shift", (call, shape) => repeated(call, shape, (x, weight) => x + weight)),
  constant,
];
