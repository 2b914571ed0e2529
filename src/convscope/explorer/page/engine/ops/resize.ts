/** Changing the size of a map. */

import type { AxisRead, Relation } from "../axis.ts";
import { makeTable, makeWindow } from "../axis.ts";
import { FieldError, ShapeError } from "../errors.ts";
import { gathered } from "../kernels/gathered.ts";
import { interpolated } from "../kernels/interpolated.ts";
import { div, gcd, mod } from "../numbers.ts";
import { choice, flag, sizes } from "../spell.ts";
import type { Shape } from "../types.ts";
import type { Op, Settings } from "./op.ts";
import { needSpatial } from "./op.ts";

interface Resize extends Settings {
  readonly size: readonly number[];
  readonly mode: string;
  readonly align: boolean;
}

function withChannels(shape: Shape, spatial: (size: number, axis: number) => Relation): AxisRead[][] {
  const all = [makeWindow(shape[0]), ...shape.slice(1).map(spatial)];
  return [all.map((relation, axis) => ({ follows: axis, relation }))];
}

const up: Op<{ factor: readonly number[] }> = {
  keyword: "up",
  declared: [{ name: "factor", kind: sizes() }],
  check: (_, [shape]) => needSpatial(shape),
  // windows of `f` taps on the stretched input, each with exactly one value besides filling zeros
  axes: (op, [shape]) =>
    withChannels(shape, (size, axis) => {
      const kernel = op.factor[axis];
      return makeWindow(size, { kernel, lo: kernel - 1, hi: kernel - 1, up: kernel });
    }),
  run: (_, call) => gathered(call, 0),
};

/** Neighbours of a source position between pixels that an interpolation mixes. */
const REACH: Readonly<Record<string, readonly [number, number]>> = {
  nearest: [0, 0],
  bilinear: [0, 1],
  bicubic: [1, 2],
};

/** The source position of output `o` as a fraction `(a*o + b) / c`. */
function position(op: Resize, n: number, out: number): readonly [number, number, number] {
  if (op.mode === "nearest") return [n, 0, out];
  if (op.align) return out > 1 ? [n - 1, 0, out - 1] : [0, 0, 1];
  return [2 * n, n - out, 2 * out];
}

function sampled(op: Resize, n: number, out: number): Relation {
  const [a, b, c] = position(op, n, out), [before, after] = REACH[op.mode];
  const between = (o: number) => (mod(a * o + b, c) ? 1 : 0);
  const common = gcd(a, c);
  const onPixels = mod(b, c) === 0 && (out === 1 || a % c === 0);
  return makeTable(n, out, {
    key: `${op.mode}${op.align}`,
    width: onPixels ? 1 : before + after + 1,
    first: (o) => div(a * o + b, c) - before * between(o),
    last: (o) => div(a * o + b, c) + after * between(o),
    turn: [c / common, a / common],
  });
}

const resize: Op<Resize> = {
  keyword: "resize",
  declared: [
    { name: "size", kind: sizes() },
    { name: "mode", kind: choice(["nearest", "bilinear", "bicubic"]), default: "nearest" },
    { name: "align", kind: flag("align", true), default: false },
  ],
  check(op, [shape]) {
    needSpatial(shape);
    if (op.mode === "bicubic" && shape.length !== 3) {
      throw new ShapeError("bicubic needs two spatial axes", "nearest or bilinear");
    }
    if (op.mode === "nearest" && op.align) {
      throw new FieldError("align has no effect with nearest", "align only with bilinear or bicubic");
    }
  },
  axes: (op, [shape]) => withChannels(shape, (size, axis) => sampled(op, size, op.size[axis])),
  run(op, call) {
    if (op.mode === "nearest") return gathered(call, 0);
    const shape = call.inputs[0].shape;
    const places = op.size.map((out, axis) => position(op, shape[axis + 1], out));
    interpolated(call, places, op.mode === "bicubic");
  },
};

export const RESIZE: readonly Op[] = [up, resize];
