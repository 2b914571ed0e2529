/** Ops that join paths: sum, product, concatenation. */

import type { Relation } from "../axis.ts";
import { along, makeAll, makeTable, makeWindow } from "../axis.ts";
import { ShapeError } from "../errors.ts";
import { combined, concatenated } from "../kernels/joined.ts";
import { count } from "../spell.ts";
import type { Shape } from "../types.ts";
import type { Op } from "./op.ts";
import { pathsText } from "./op.ts";

/** The shape to which axes of length 1 and missing spatial axes are broadcast. */
function broadcast(inputs: readonly Shape[]): number[] {
  const rank = Math.max(...inputs.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => Math.max(...inputs.map((shape) => shape[axis] ?? 0)));
}

function elementwise(keyword: string, join: (a: number, b: number) => number): Op {
  return {
    keyword,
    declared: [],
    merges: true,
    check(_, inputs) {
      const full = broadcast(inputs);
      if (inputs.some((shape) => shape.some((size, axis) => size !== 1 && size !== full[axis]))) {
        const what = `the paths have different sizes: ${pathsText(inputs)}`;
        throw new ShapeError(what, "equal sizes, or an axis of length 1, which is broadcast");
      }
    },
    axes(_, inputs) {
      const full = broadcast(inputs);
      const relation = (size: number, axis: number): Relation =>
        size === full[axis] ? makeWindow(size) : makeAll(size, full[axis]);
      return inputs.map((shape) => shape.map((size, axis) => ({ follows: axis, relation: relation(size, axis) })));
    },
    run: (_, call) => combined(call, join),
  };
}

/** The read in which outputs `start … start+size` read their own input, and others nothing of it. */
function part(axis: number, start: number, size: number, total: number): Relation {
  if (axis) return makeWindow(size, { lo: start, hi: total - start - size });
  const mine = (o: number) => o >= start && o < start + size;
  return makeTable(size, total, {
    key: `part${start}`,
    width: 1,
    first: (o) => (mine(o) ? o - start : 1),
    last: (o) => (mine(o) ? o - start : 0),
  });
}

const cat: Op<{ along: number }> = {
  keyword: "cat",
  declared: [{ name: "along", kind: count("along", 0), default: 0 }],
  merges: true,
  check(op, inputs) {
    const rest = new Set(inputs.map((shape) => shape.filter((_, axis) => axis !== op.along).join("x")));
    const ranks = new Set(inputs.map((shape) => shape.length));
    if (rest.size > 1 || ranks.size > 1 || inputs[0].length <= op.along) {
      const what = `the paths have different sizes: ${pathsText(inputs)}`;
      throw new ShapeError(what, `sizes that differ only along ${op.along ? `axis ${op.along}` : "the channels"}`);
    }
  },
  axes(op, inputs) {
    const total = inputs.reduce((sum, shape) => sum + shape[op.along], 0);
    let start = 0;
    return inputs.map((shape) => {
      const mine = along(shape);
      mine[op.along] = { follows: op.along, relation: part(op.along, start, shape[op.along], total) };
      start += shape[op.along];
      return mine;
    });
  },
  run: (op, call) => concatenated(call, op.along),
};

export const MERGE: readonly Op[] = [
  elementwise("add", (a, b) => a + b),
  elementwise("mul", (a, b) => a * b),
  elementwise("sub", (a, b) => a - b),
  elementwise("div", (a, b) => a / b),
  elementwise("maximum", Math.max),
  elementwise("minimum", Math.min),
  cat,
];
