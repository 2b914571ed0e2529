/** Convolution and transposed convolution, 1-d to 3-d. */

import { makeWindow } from "../axis.ts";
import { FieldError, ShapeError } from "../errors.ts";
import { convolve } from "../kernels/convolve.ts";
import { gcd } from "../numbers.ts";
import { count, flag, padding, sizes } from "../spell.ts";
import type { Pads, Pair } from "../spell.ts";
import type { Op, Settings, WeightSpec } from "./op.ts";
import { groupReads, needSpatial, trained, volume } from "./op.ts";
import { windows } from "./sliding.ts";

interface Conv extends Settings {
  readonly out: number;
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly pad: Pads;
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly bias: boolean;
}

interface ConvTranspose extends Conv {
  readonly pad: readonly Pair[];
  readonly output_pad: readonly number[];
}

function checkBoth(groups: number, channels: number, out: number): void {
  for (const [name, size] of [["in_channels", channels], ["out_channels", out]] as const) {
    if (size % groups === 0) continue;
    const what = `groups=${groups} does not divide ${name}=${size}`;
    throw new ShapeError(what, "", `groups = ${divisors(gcd(channels, out)).join(", ")}`);
  }
}

/** The divisors of a number, up to 1024. */
export function divisors(of: number): number[] {
  const found = [];
  for (let one = 1; one <= Math.min(of, 1024); one++) if (of % one === 0) found.push(one);
  return found;
}

function withBias(op: Conv, kernel: WeightSpec): WeightSpec[] {
  return op.bias ? [kernel, trained("bias", [op.out])] : [kernel];
}

const conv: Op<Conv> = {
  keyword: "conv",
  declared: [
    { name: "out", kind: count() },
    { name: "kernel", kind: sizes() },
    { name: "stride", kind: sizes("s"), default: [1] },
    { name: "pad", kind: padding(), default: [[0, 0]] },
    { name: "dilation", kind: sizes("d"), default: [1] },
    { name: "groups", kind: count("g"), default: 1 },
    { name: "bias", kind: flag("nobias", false), default: true },
  ],
  check(op, [shape]) {
    needSpatial(shape);
    checkBoth(op.groups, shape[0], op.out);
  },
  axes: (op, [shape]) => [
    [{ follows: 0, relation: groupReads(shape[0], op.out, op.groups) }, ...windows(op, shape)],
  ],
  weights: (op, [shape]) => withBias(op, trained("weight", [op.out, shape[0] / op.groups, ...op.kernel])),
  macs: (op, [shape], output) => volume(output) * (shape[0] / op.groups) * volume(op.kernel),
  run(op, call) {
    const taps = volume(op.kernel), width = call.inputs[0].shape[0] / op.groups;
    convolve(call, op.groups, (out, channel, tap) => (out * width + channel) * taps + tap);
  },
};

const transposed: Op<ConvTranspose> = {
  keyword: "convt",
  declared: [
    { name: "out", kind: count() },
    { name: "kernel", kind: sizes() },
    { name: "stride", kind: sizes("s"), default: [1] },
    { name: "pad", kind: padding("p", false), default: [[0, 0]] },
    { name: "dilation", kind: sizes("d"), default: [1] },
    { name: "output_pad", kind: sizes("o", { minimum: 0 }), default: [0] },
    { name: "groups", kind: count("g"), default: 1 },
    { name: "bias", kind: flag("nobias", false), default: true },
  ],
  check(op, [shape]) {
    needSpatial(shape);
    checkBoth(op.groups, shape[0], op.out);
    if (op.pad.some(([lo, hi]) => lo !== hi)) {
      throw new FieldError("a transposed convolution takes only symmetric padding", "p1, or crop after it");
    }
    op.output_pad.forEach((extra, axis) => {
      if (extra >= Math.max(op.stride[axis], op.dilation[axis])) {
        throw new FieldError(`output_pad=${extra}`, "an output padding below the stride or the dilation");
      }
    });
  },
  axes: (op, [shape]) => [[
    { follows: 0, relation: groupReads(shape[0], op.out, op.groups) },
    ...op.kernel.map((kernel, axis) => {
      const dilation = op.dilation[axis], reach = dilation * (kernel - 1), [lo, hi] = op.pad[axis];
      const fields = { kernel, dilation, lo: reach - lo, hi: reach - hi + op.output_pad[axis], up: op.stride[axis] };
      return { follows: axis + 1, relation: makeWindow(shape[axis + 1], fields) };
    }),
  ]],
  weights: (op, [shape]) => withBias(op, trained("weight", [shape[0], op.out / op.groups, ...op.kernel])),
  macs: (op, [shape]) => volume(shape) * (op.out / op.groups) * volume(op.kernel),
  run(op, call) {
    const taps = volume(op.kernel), outs = op.out / op.groups, width = call.inputs[0].shape[0] / op.groups;
    // the window's first tap is the kernel's last one
    convolve(call, op.groups, (out, channel, tap) => {
      const group = Math.floor(out / outs);
      return ((group * width + channel) * outs + out % outs) * taps + taps - 1 - tap;
    });
  },
};

export const CONV: readonly Op[] = [conv, transposed];
