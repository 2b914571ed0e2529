/** Ops at concrete shapes: what derives from the facts of one op. */

import type { AxisRead, Reads } from "./axis.ts";
import { along } from "./axis.ts";
import { EngineError, ShapeError } from "./errors.ts";
import type { Node } from "./graph.ts";
import type { Hull, Op, Settings } from "./ops/op.ts";
import { outputShape, volume } from "./ops/op.ts";
import { completed, fitted, OPS, spelled } from "./ops/registry.ts";
import { shapeText } from "./spell.ts";
import type { Shape, Weight } from "./types.ts";

const MAX_SIDE = 2 ** 20;
const MAX_CHANNELS = 2 ** 40;

/** What the document would say of a weight's values. */
const UNSTORED = { frozen: false, blob: null, stored: "float32" } as const;

/** The facts of an op at input shapes. */
export interface Fit {
  readonly settings: Settings;
  readonly text: string;
  readonly out: Shape;
  readonly reads: Reads;
  readonly statistics: readonly AxisRead[];
  readonly hull: Hull;
  readonly pointwise: boolean;
  readonly source: boolean;
  readonly weights: readonly Weight[] | null;
  readonly params: number | null;
  readonly macs: number | null;
}

/** Whether a shape is beyond what is examined. */
export function isTooLarge(shape: Shape): boolean {
  return shape[0] > MAX_CHANNELS || shape.slice(1).some((size) => size > MAX_SIDE);
}

const fits = new Map<string, Fit>();
const MOST_FITS = 4096;

/** Fits an op to input shapes; blocks repeat, and so do edits. */
export function fit(op: Op, settings: Settings, inputs: readonly Shape[]): Fit {
  const key = `${op.keyword}${JSON.stringify(settings)}${JSON.stringify(inputs)}`;
  let found = fits.get(key);
  if (!found) {
    if (fits.size >= MOST_FITS) fits.clear();
    fits.set(key, found = newFit(op, settings, inputs));
  }
  return found;
}

function newFit(op: Op, given: Settings, inputs: readonly Shape[]): Fit {
  const settings = fitted(op, completed(op, given), inputs[0].length - 1);
  op.check?.(settings, inputs);
  const reads = op.axes(settings, inputs);
  const out = outputShape(op, settings, reads);
  if (Math.max(...out) > MAX_CHANNELS || isTooLarge(out)) {
    throw new ShapeError(`its output ${shapeText(out)} is too large`);
  }
  const statistics = op.statistics?.(settings, inputs) ?? [];
  const weights = (op.weights?.(settings, inputs) ?? []).map((weight) => ({ ...weight, ...UNSTORED }));
  return {
    settings,
    text: spelled(op, settings),
    out,
    reads,
    statistics,
    hull: op.hull ?? "",
    pointwise: !statistics.length && isPointwise(reads, inputs[0], out),
    source: op.source ?? false,
    weights,
    params: paramsOf(weights),
    macs: op.macs?.(settings, inputs, out) ?? 0,
  };
}

/** The number of learned values. */
export function paramsOf(weights: readonly Weight[]): number {
  return weights.reduce((sum, weight) => sum + (weight.trained ? volume(weight.shape) : 0), 0);
}

/** Whether each output index reads exactly the same index of a single input. */
function isPointwise(reads: Reads, input: Shape, out: Shape): boolean {
  if (reads.length !== 1 || out.length !== input.length) return false;
  const plain = along(input);
  return reads[0].every(({ follows, relation }, axis) => {
    return follows === axis && out[axis] === input[axis] && relation.key === plain[axis].relation.key;
  });
}

/** The words of an op; those that it was given if it does not fit. */
export function opText(node: Node): string {
  const op = OPS.get(node.op);
  if (!op) return node.text ?? node.op;
  try {
    return spelled(op, completed(op, node.settings));
  } catch (error) {
    if (error instanceof EngineError) return node.text ?? node.op;
    throw error;
  }
}
