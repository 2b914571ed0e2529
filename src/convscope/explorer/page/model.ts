// A net as the views see it: names, who reads whom, and steps: a layer with the norms and activations after it.

import type { AxisField, Layer, Net, Peak } from "./document.ts";
import { size } from "./words.ts";

/** A sum in which parts may be unknown: the value is then a lower bound. */
export interface Sum {
  value: number;
  exact: boolean;
}

/** A layer of a net that may be under change: an unknown size is null, an unknown shape is empty. */
export interface Facts extends Omit<Layer, "bytes" | "live"> {
  bytes: number | null;
  live: number | null;
}

/** A net that may be under change: its memory may be unknown. */
export interface NetFacts extends Omit<Net, "layers" | "peak"> {
  layers: Facts[];
  peak: Peak | null;
}

/** Layers that are drawn and counted as one: the first, and what only changes its values one by one. */
export interface Step {
  index: number;
  main: Facts;
  layers: readonly Facts[];
}

export type Kind = "conv" | "pool" | "linear" | "merge" | "other";

const AFTER = new Set(["bn", "gn", "instnorm", "ln", "rmsnorm", "lrn", "softmax", "dropout"]);

const KINDS: Record<string, Kind> = {
  conv: "conv",
  convt: "conv",
  linear: "linear",
  maxpool: "pool",
  avgpool: "pool",
  gap: "pool",
  gmp: "pool",
  aavgpool: "pool",
  amaxpool: "pool",
  add: "merge",
  mul: "merge",
  sub: "merge",
  div: "merge",
  maximum: "merge",
  minimum: "merge",
  cat: "merge",
};

const NAMES: Record<Kind, string> = {
  conv: "Convolution",
  pool: "Pooling",
  linear: "Linear layer",
  merge: "Merge",
  other: "Layer",
};

const OPS: Record<string, string> = {
  convt: "Transposed convolution",
  bn: "Batch norm",
  add: "Sum",
  cat: "Concatenation",
  mul: "Product",
  flatten: "Flatten",
  up: "Up-sampling",
  resize: "Resize",
  dropout: "Dropout",
  opaque: "Opaque layer",
};

export const kindOf = (layer: Facts): Kind => KINDS[layer.op] ?? "other";

/** What a layer is, in words. */
export function title(layer: Facts): string {
  if (OPS[layer.op]) return OPS[layer.op];
  if (AFTER.has(layer.op)) return "Norm";
  const kind = kindOf(layer);
  return kind === "other" && layer.pointwise ? "Activation" : NAMES[kind];
}

/** The end of a name, the modules being named elsewhere: its last part, or more where that is only a number. */
export function short(name: string): string {
  const parts = name.split(/[./]/);
  let at = parts.length - 1;
  while (at > 0 && /^\d*$/.test(parts[at])) at -= 1;
  return parts.slice(at).join(".") || name;
}

/** The settings of a layer as a reader sees them on a drawing: `conv 64 7x7 s2 p3 nobias` is 7×7 s2 p3. */
export const settings = (layer: Facts): string =>
  layer.text.slice(layer.op.length)
    .replace(kindOf(layer) === "conv" ? /^ \d+/ : /^$/, "")
    .replace(/ nobias\b/, "")
    .replace(/(\d)x(?=\d)/g, "$1×")
    .trim();

/** The field of a layer as text: 19×19; "at most" where it is an upper bound. */
export function fieldText(rf: readonly AxisField[]): string {
  if (rf.length === 0 || rf.every((axis) => axis.size === 0)) return "–";
  const sizes = rf.map((axis) => axis.size).join("×");
  return rf.every((axis) => axis.exact || axis.seams) ? sizes : `≤ ${sizes}`;
}

/** A fraction as text. */
export const fraction = (value: readonly [number, number] | null): string =>
  value === null ? "–" : value[1] === 1 ? String(value[0]) : `${value[0]}/${value[1]}`;

export function strideText(rf: readonly AxisField[]): string {
  const all = [...new Set(rf.map((axis) => fraction(axis.stride)))];
  return all.length ? all.join("×") : "–";
}

export class Model {
  readonly net: NetFacts;
  readonly layers: readonly Facts[];
  readonly index = new Map<string, number>();
  /** The layers that read each layer, and each input after them. */
  readonly readers: number[][];
  readonly steps: readonly Step[];
  /** The step of each layer. */
  readonly stepOf: Int32Array;
  readonly modules = new Map<string, string>();

  constructor(net: NetFacts) {
    this.net = net;
    this.layers = net.layers;
    net.layers.forEach((layer, i) => this.index.set(layer.name, i));
    net.inputs.forEach((input, i) => this.index.set(input.name, net.layers.length + i));
    this.readers = Array.from({ length: net.layers.length + net.inputs.length }, () => []);
    net.layers.forEach((layer, i) => {
      for (const name of new Set(layer.inputs)) this.readers[this.index.get(name) ?? 0].push(i);
    });
    net.places.forEach((place) => this.modules.set(place.layer, place.module));
    this.stepOf = new Int32Array(net.layers.length);
    this.steps = this.#steps();
  }

  get(name: string): Facts | undefined {
    const at = this.index.get(name);
    return at === undefined ? undefined : this.layers[at];
  }

  shape(name: string): readonly number[] {
    return this.get(name)?.out ?? this.net.inputs.find((input) => input.name === name)?.shape ?? [];
  }

  /** The input on whose pixels fields are measured. */
  get image(): { name: string; shape: readonly number[] } {
    return this.net.inputs.find((input) => input.name === this.net.of) ?? this.net.inputs[0];
  }

  #steps(): Step[] {
    const steps: { index: number; main: Facts; layers: Facts[] }[] = [];
    this.layers.forEach((layer, i) => {
      const before = layer.inputs.length === 1 ? this.index.get(layer.inputs[0]) ?? -1 : -1;
      const joins = before >= 0 && before < this.layers.length && this.readers[before].length === 1 &&
        (layer.pointwise || AFTER.has(layer.op)) &&
        this.modules.get(layer.name) === this.modules.get(steps[this.stepOf[before]].main.name) &&
        this.stepOf[before] === steps.length - 1;
      if (joins) steps[steps.length - 1].layers.push(layer);
      else steps.push({ index: steps.length, main: layer, layers: [layer] });
      this.stepOf[i] = steps.length - 1;
    });
    return steps;
  }
}

/** Sum one cost of some layers. */
export function sum(layers: readonly Facts[], cost: "params" | "macs" | "bytes"): Sum {
  let value = 0, exact = true;
  for (const layer of layers) {
    if (layer[cost] === null) exact = false;
    else value += layer[cost];
  }
  return { value, exact };
}

const sides = (values: unknown): number[] => Array.isArray(values) ? values.map(Number) : [];

/** How the multiply-adds of a layer arise, where the formula is short: 12×12×32 × 3×3×16. */
export function arithmetic(layer: Facts, from: readonly number[]): { params: string; macs: string } {
  const s = layer.settings, kernel = sides(s.kernel);
  if (layer.op === "conv" && kernel.length && layer.macs !== null) {
    const taps = `${kernel.join("×")}×${from[0] / Number(s.groups ?? 1)}`;
    return {
      params: `${layer.out[0]} × ${taps}${s.bias ? ` + ${layer.out[0]}` : ""}`,
      macs: `${size(layer.out)} × ${taps}`,
    };
  }
  if (layer.op === "linear" && layer.out.length === 1) {
    return {
      params: `${layer.out[0]} × ${from[0]}${s.bias ? ` + ${layer.out[0]}` : ""}`,
      macs: `${layer.out[0]} × ${from[0]}`,
    };
  }
  return { params: "", macs: "" };
}
