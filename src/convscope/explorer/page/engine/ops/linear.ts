/** The fully connected layer. */

import { makeAll } from "../axis.ts";
import { multiplied } from "../kernels/multiplied.ts";
import { count, flag } from "../spell.ts";
import type { Op, Settings } from "./op.ts";
import { trained, volume } from "./op.ts";

interface Linear extends Settings {
  readonly out: number;
  readonly bias: boolean;
}

const linear: Op<Linear> = {
  keyword: "linear",
  declared: [{ name: "out", kind: count() }, { name: "bias", kind: flag("nobias", false), default: true }],
  axes: (op, [shape]) => [shape.map((size) => ({ follows: 0, relation: makeAll(size, op.out) }))],
  weights(op, [shape]) {
    const matrix = trained("weight", [op.out, volume(shape)]);
    return op.bias ? [matrix, trained("bias", [op.out])] : [matrix];
  },
  macs: (_, [shape], output) => volume(shape) * volume(output),
  run: (_, call) => multiplied(call),
};

export const LINEAR: readonly Op[] = [linear];
