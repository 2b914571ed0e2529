/** Activation functions, dropout, elementwise functions of one value. */

import { along, makeAll } from "../axis.ts";
import { ShapeError } from "../errors.ts";
import { applied, rectified, sloped } from "../kernels/pointwise.ts";
import { erf } from "../kernels/special.ts";
import { softmaxed, spatialSoftmaxed } from "../kernels/softmax.ts";
import { choice, count, flag, real } from "../spell.ts";
import type { Setting } from "../spell.ts";
import type { Op, Settings } from "./op.ts";
import { checkGroups, groupReads, needSpatial, trained } from "./op.ts";

type Function = (x: number) => number;

/** An elementwise op; `make` gives its function for some settings. */
function pointwise(keyword: string, declared: readonly Setting[], make: (settings: Settings) => Function): Op {
  return {
    keyword,
    declared,
    axes: (_, [shape]) => [along(shape)],
    run: (settings, call) => applied(call, make(settings)),
  };
}

const plain = (keyword: string, f: Function) => pointwise(keyword, [], () => f);
const any = { minimum: -Infinity };
const sigmoid: Function = (x) => 1 / (1 + Math.exp(-x));
const softplus: Function = (x) => (x > 20 ? x : Math.log1p(Math.exp(x)));
const same: Function = (x) => x;
const ROOT_2 = Math.SQRT2, ROOT_2_PI = Math.sqrt(2 / Math.PI);
const SELU_ALPHA = 1.6732632423543772, SELU_SCALE = 1.0507009873554805;

function gelu(op: Settings): Function {
  if (!op.approx) return (x) => 0.5 * x * (1 + erf(x / ROOT_2));
  return (x) => 0.5 * x * (1 + Math.tanh(ROOT_2_PI * (x + 0.044715 * x * x * x)));
}

const FUNCTIONS: Readonly<Record<string, Function>> = {
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  abs: Math.abs,
  neg: (x) => -x,
  square: (x) => x * x,
  sin: Math.sin,
  cos: Math.cos,
  erf,
  reciprocal: (x) => 1 / x,
  logsigmoid: (x) => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))),
  softsign: (x) => x / (1 + Math.abs(x)),
  tanhshrink: (x) => x - Math.tanh(x),
};

const number = (op: Settings, name: string) => op[name] as number;
const value = [{ name: "value", kind: real("", any) }];

const prelu: Op<{ count: number }> = {
  keyword: "prelu",
  declared: [{ name: "count", kind: count(), default: 1 }],
  check(op, [shape]) {
    if (op.count !== 1 && op.count !== shape[0]) {
      const what = `${op.count} slopes are given for ${shape[0]} channels`;
      throw new ShapeError(what, "one slope, or one per channel");
    }
  },
  axes: (_, [shape]) => [along(shape)],
  weights: (op) => [trained("weight", [op.count])],
  run: (_, call) => sloped(call, call.weights.weight),
};

const softmax: Op<{ groups: number }> = {
  keyword: "softmax",
  declared: [{ name: "groups", kind: count("g"), default: 1 }],
  check: (op, [shape]) => checkGroups(op.groups, shape),
  axes: (op, [shape]) => [
    [{ follows: 0, relation: groupReads(shape[0], shape[0], op.groups) }, ...along(shape).slice(1)],
  ],
  run: (op, call) => softmaxed(call, call.output.shape[0] / op.groups),
};

const spatialSoftmax: Op = {
  keyword: "spatial_softmax",
  declared: [],
  check: (_, [shape]) => needSpatial(shape),
  axes: (_, [shape]) => [along(shape)],
  statistics: (_, [shape]) => [
    along(shape)[0],
    ...shape.slice(1).map((size, axis) => ({ follows: axis + 1, relation: makeAll(size, size) })),
  ],
  run: (_, call) => spatialSoftmaxed(call),
};

/** Ops that may write over their input. */
const IN_PLACE = [
  ...["relu", "leaky_relu", "sigmoid", "tanh", "silu", "relu6", "hardswish", "hardsigmoid", "threshold", "clamp"],
  ...["elu", "selu", "mish", "times", "plus"],
];

/** Ops that change nothing. */
const VIEWS = ["id", "dropout"];

function stored(op: Op): Op {
  if (VIEWS.includes(op.keyword)) return { ...op, memory: "view" };
  return IN_PLACE.includes(op.keyword) ? { ...op, memory: "in place" } : op;
}

const ALL: readonly Op[] = [
  plain("id", same),
  { ...plain("relu", same), run: (_, call) => rectified(call) },
  pointwise("leaky_relu", [{ name: "slope", kind: real(), default: 0.01 }], (op) => {
    const slope = number(op, "slope");
    return (x) => (x > 0 ? x : slope * x);
  }),
  plain("sigmoid", sigmoid),
  plain("tanh", Math.tanh),
  pointwise("gelu", [{ name: "approx", kind: flag("approx", true), default: false }], gelu),
  plain("silu", (x) => x * sigmoid(x)),
  plain("relu6", (x) => Math.min(Math.max(x, 0), 6)),
  plain("hardswish", (x) => x * Math.min(Math.max(x + 3, 0), 6) / 6),
  plain("hardsigmoid", (x) => Math.min(Math.max(x + 3, 0), 6) / 6),
  pointwise("threshold", [{ name: "limit", kind: real("", any) }], (op) => {
    const limit = number(op, "limit");
    return (x) => (x > limit ? x : 0);
  }),
  pointwise("clamp", [{ name: "low", kind: real("", any) }, { name: "high", kind: real("", any) }], (op) => {
    const low = number(op, "low"), high = number(op, "high");
    return (x) => Math.min(Math.max(x, low), high);
  }),
  pointwise("elu", [{ name: "alpha", kind: real(), default: 1 }], (op) => {
    const alpha = number(op, "alpha");
    return (x) => (x > 0 ? x : alpha * Math.expm1(x));
  }),
  plain("selu", (x) => SELU_SCALE * (x > 0 ? x : SELU_ALPHA * Math.expm1(x))),
  plain("softplus", softplus),
  plain("mish", (x) => x * Math.tanh(softplus(x))),
  prelu,
  softmax,
  pointwise("dropout", [{ name: "p", kind: real("", { below: 1 }), default: 0.5 }], () => same),
  spatialSoftmax,
  pointwise("map", [{ name: "name", kind: choice(Object.keys(FUNCTIONS), true) }], (op) => FUNCTIONS[String(op.name)]),
  pointwise("times", value, (op) => {
    const by = number(op, "value");
    return (x) => x * by;
  }),
  pointwise("plus", value, (op) => {
    const by = number(op, "value");
    return (x) => x + by;
  }),
  pointwise("pow", value, (op) => {
    const to = number(op, "value");
    return (x) => Math.pow(x, to);
  }),
];

export const ACT: readonly Op[] = ALL.map(stored);
