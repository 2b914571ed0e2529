/** The maximum or the mean of what each output reads of a channel. */

import type { Relation } from "../axis.ts";
import type { Call } from "./call.ts";
import type { Listed } from "./places.ts";
import { listedReads, three, threeRelations } from "./places.ts";

/** The largest value that each output reads. */
export function largest(call: Call): void {
  const { data } = call.inputs[0], [, height, width] = three(call.inputs[0].shape);
  each(call, (base, z, y, x) => {
    let most = -Infinity;
    for (let i = z.from; i < z.to; i++) {
      for (let j = y.from; j < y.to; j++) {
        const row = base + (z.list[i] * height + y.list[j]) * width;
        for (let k = x.from; k < x.to; k++) {
          const value = data[row + x.list[k]];
          if (value > most || value !== value) most = value;
        }
      }
    }
    return most;
  });
}

/** The mean of what each output reads; with `pads`, padding before and after each axis counts as zeros. */
export function averaged(call: Call, pads: readonly (readonly [number, number])[] | null): void {
  const { data } = call.inputs[0], [, height, width] = three(call.inputs[0].shape);
  const relations = threeRelations(call.reads[0]);
  const counts = relations.map((relation, axis) => counted(relation, pads && (pads[axis - 3 + pads.length] ?? [0, 0])));
  each(call, (base, z, y, x) => {
    let sum = 0;
    for (let i = z.from; i < z.to; i++) {
      for (let j = y.from; j < y.to; j++) {
        const row = base + (z.list[i] * height + y.list[j]) * width;
        for (let k = x.from; k < x.to; k++) sum += data[row + x.list[k]];
      }
    }
    return sum / (counts[0][z.output] * counts[1][y.output] * counts[2][x.output]);
  });
}

/** How many positions count along an axis, for each output. */
function counted(relation: Relation, pad: readonly [number, number] | null): Int32Array {
  const { start } = listedReads(relation), found = new Int32Array(relation.extent);
  for (let o = 0; o < found.length; o++) {
    found[o] = start[o + 1] - start[o];
    if (pad && relation.kind === "window") {
      const first = relation.stride * o - relation.lo;
      found[o] = Math.min(first + relation.span, relation.size + pad[1]) - first;
    }
  }
  return found;
}

/** A cursor over what one output reads along an axis. */
class Reading {
  output = 0;
  from = 0;
  to = 0;
  readonly list: Int32Array;
  private readonly start: Int32Array;

  constructor({ start, list }: Listed) {
    this.list = list;
    this.start = start;
  }

  at(output: number): void {
    this.output = output;
    this.from = this.start[output];
    this.to = this.start[output + 1];
  }
}

/** Fills the output with the values of `work`, which gets the start of the channel and what is read along each axis. */
function each(call: Call, work: (base: number, z: Reading, y: Reading, x: Reading) => number): void {
  const { inputs: [{ shape }], output } = call;
  const plane = three(shape).reduce((a, b) => a * b), [depth, height, width] = three(output.shape);
  const [z, y, x] = threeRelations(call.reads[0]).map((relation) => new Reading(listedReads(relation)));
  let at = 0;
  for (let channel = 0; channel < output.shape[0]; channel++) {
    for (let i = 0; i < depth; i++) {
      z.at(i);
      for (let j = 0; j < height; j++) {
        y.at(j);
        for (let k = 0; k < width; k++) {
          x.at(k);
          output.data[at++] = work(channel * plane, z, y, x);
        }
      }
    }
  }
}
