/**
 * Ops: objects that state facts. Output shape, parameters, receptive field and all other geometry derive from them.
 *
 * Shapes are `c h w`: channels first, no batch axis. A MAC is one multiply-add of a convolution or a linear layer; taps
 * that fall on padding are counted; bias, norm and activation are not.
 */

import type { AxisRead, Reads, Relation } from "../axis.ts";
import { makeAll, makeTable } from "../axis.ts";
import { ShapeError } from "../errors.ts";
import { div, product } from "../numbers.ts";
import { shapeText } from "../spell.ts";
import type { Setting } from "../spell.ts";
import type { Shape } from "../types.ts";
import type { Call } from "../kernels/call.ts";

/** Settings by name. An op narrows them to its own. */
export type Settings = Readonly<Record<string, unknown>>;

/** A tensor that an op owns. */
export interface WeightSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly trained: boolean;
  readonly dtype: string;
}

/** How far the reads exceed what is read, because axes depend on each other; empty if they are exact. */
export type Hull = "" | "channels" | "positions" | "unknown";

/** A kind of layer. What it leaves out is: accept every input, no statistics, no weights, no MACs. */
export interface Op<S = Settings> {
  readonly keyword: string;
  readonly declared: readonly Setting[];
  /** Whether the op takes two or more inputs, written as paths in parentheses. */
  readonly merges?: boolean;
  /** Whether the output does not depend on the values of the input. */
  readonly source?: boolean;
  readonly hull?: Hull;
  /** Where the output is stored, if not in new memory: the input's if nothing else reads it, or always the input's. */
  readonly memory?: "in place" | "view";
  /** Whether it computes an index beside each output. */
  readonly indices?: boolean;
  /** Throws ShapeError or FieldError unless the fitted op can be applied. */
  check?(settings: S, inputs: readonly Shape[]): void;
  /** The reads for each axis of each input. */
  axes(settings: S, inputs: readonly Shape[]): Reads;
  /** Further reads of the first input, for statistics that scale all units alike. */
  statistics?(settings: S, inputs: readonly Shape[]): readonly AxisRead[];
  /** The output's shape if the reads do not determine it. */
  output?(settings: S): Shape;
  weights?(settings: S, inputs: readonly Shape[]): readonly WeightSpec[];
  /** Multiply-adds for one sample [MAC]. */
  macs?(settings: S, inputs: readonly Shape[], output: Shape): number;
  /** Computes the output of one sample. */
  run(settings: S, call: Call): void;
}

export function trained(name: string, shape: readonly number[]): WeightSpec {
  return { name, shape, trained: true, dtype: "float32" };
}

export function stored(name: string, shape: readonly number[], dtype = "float32"): WeightSpec {
  return { name, shape, trained: false, dtype };
}

/** Throws ShapeError if there is no axis to slide over. */
export function needSpatial(shape: Shape): void {
  if (shape.length < 2) throw new ShapeError("the input has no spatial axis", "an input such as 28x28x1");
}

/** The read of an output channel: all input channels of its group. */
export function groupReads(channels: number, out: number, groups: number): Relation {
  if (groups === 1) return makeAll(channels, out);
  const width = channels / groups, outputs = out / groups;
  const first = (o: number) => div(o, outputs) * width;
  return makeTable(channels, out, { key: `group${groups}`, width, first, last: (o) => first(o) + width - 1 });
}

/** Throws ShapeError unless the groups divide the channels. */
export function checkGroups(groups: number, shape: Shape): void {
  if (shape[0] % groups) throw new ShapeError(`groups=${groups} does not divide the ${shape[0]} channels`);
}

/** The shape that the reads imply, unless the op states it. */
export function outputShape(op: Op, settings: Settings, reads: Reads): Shape {
  const stated = op.output?.(settings);
  if (stated) return stated;
  const extents: number[] = [];
  for (const { follows, relation } of reads.flat()) {
    if (relation.extent < 1) throw tooSmall(relation);
    extents[follows] ??= relation.extent;
    if (extents[follows] !== relation.extent) {
      const what = `the sizes of the inputs differ: ${extents[follows]} and ${relation.extent} along one axis`;
      throw new ShapeError(what);
    }
  }
  return extents;
}

/** The error for a window larger than its padded input. */
function tooSmall(window: Relation): ShapeError {
  if (window.kind !== "window") throw new RangeError("only a window can fail to fit");
  const padded = (window.size - 1) * window.up + 1 + window.lo + window.hi;
  const taps = window.dilation > 1 ? ` (${window.kernel} taps, dilation ${window.dilation})` : "";
  const least = window.span - window.lo - window.hi;
  return new ShapeError(
    `a window of ${window.span}${taps} does not fit into ${padded}`,
    `an input of at least ${least} along that axis`,
  );
}

/** The sizes of paths for an error: `3x3x8 and 5x5x8`. */
export function pathsText(inputs: readonly Shape[]): string {
  return inputs.map(shapeText).join(" and ");
}

/** The number of values of a shape. */
export const volume: (shape: Shape) => number = product;
