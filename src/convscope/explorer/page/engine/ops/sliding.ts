/** Windows that slide over spatial axes: the geometry that convolution and pooling share. */

import type { AxisRead, Window } from "../axis.ts";
import { makeWindow } from "../axis.ts";
import { ceilDiv, div } from "../numbers.ts";
import type { Pads, Pair } from "../spell.ts";
import type { Shape } from "../types.ts";

/** The settings of an op whose kernel slides. */
export interface Sliding {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly pad: Pads;
  readonly dilation?: readonly number[];
}

/** The padding before and after each spatial axis, with `same` resolved: an odd pixel goes after. */
export function pads(op: Sliding, shape: Shape): readonly Pair[] {
  if (op.pad !== "same") return op.pad;
  return op.kernel.map((kernel, axis) => same(shape[axis + 1], kernel, op.stride[axis], op.dilation?.[axis] ?? 1));
}

function same(size: number, kernel: number, stride: number, dilation: number): Pair {
  const outputs = ceilDiv(size, stride);
  const total = Math.max(0, (outputs - 1) * stride + dilation * (kernel - 1) + 1 - size);
  return [div(total, 2), total - div(total, 2)];
}

/** A read for each spatial axis; with `ceil`, a last window may extend beyond the end. */
export function windows(op: Sliding, shape: Shape, ceil = false): AxisRead[] {
  return pads(op, shape).map((pair, axis) => ({
    follows: axis + 1,
    relation: oneWindow(shape[axis + 1], op.kernel[axis], op.stride[axis], op.dilation?.[axis] ?? 1, pair, ceil),
  }));
}

function oneWindow(size: number, kernel: number, stride: number, dilation: number, pair: Pair, ceil: boolean): Window {
  const lo = pair[0];
  let hi = pair[1];
  if (ceil) {
    const span = dilation * (kernel - 1) + 1;
    let outputs = ceilDiv(size + lo + hi - span, stride) + 1;
    if ((outputs - 1) * stride >= size + lo) outputs -= 1; // it would start in the padding after, as in torch
    hi = Math.max(hi, (outputs - 1) * stride + span - size - lo);
  }
  return makeWindow(size, { kernel, stride, dilation, lo, hi });
}
