/** The forward pass of one sample, incremental: after a change only what depends on it is computed again. */

import type { Derived, DerivedLayer } from "./derive.ts";
import { EngineError, ShapeError, UnknownNameError } from "./errors.ts";
import type { Traced } from "./field/trace.ts";
import type { Call, Tensor } from "./kernels/call.ts";
import type { Op } from "./ops/op.ts";
import { volume } from "./ops/op.ts";
import { OPS } from "./ops/registry.ts";
import { shapeText } from "./spell.ts";
import type { Weights } from "./weights.ts";

/** A layer with its output, and what it keeps from run to run. */
interface Part {
  readonly layer: DerivedLayer;
  readonly op: Op;
  readonly call: LayerCall;
  stale: boolean;
}

class LayerCall implements Call {
  version = 0;
  private readonly kept = new Map<string, unknown>();

  constructor(
    readonly inputs: readonly Tensor[],
    readonly output: Tensor,
    readonly reads: Traced["reads"],
    readonly weights: Record<string, Float32Array>,
  ) {}

  memo<T>(key: string, make: () => T): T {
    if (!this.kept.has(key)) this.kept.set(key, make());
    return this.kept.get(key) as T;
  }
}

/** The most values of all layers together: 512 MB. */
const MOST_VALUES = 2 ** 27;

/** Why a net cannot be run, in a sentence; null if it can. */
export function hindrance(derived: Derived, weights: Weights): string | null {
  const [error] = derived.errors;
  if (error) return `${error.layer}: ${error.what}`;
  const values = derived.layers.reduce((sum, { out }) => sum + (out ? volume(out) : 0), 0);
  if (values > MOST_VALUES) {
    return `its layers have ${values.toLocaleString("en")} values, and the page holds 134 million`;
  }
  for (const layer of derived.layers) {
    if (!OPS.has(layer.op)) return `${layer.name}: the page does not compute ${layer.op}`;
    if (layer.out === null) return `${layer.name}: its shape is unknown`;
    for (const { name, shape } of layer.weights ?? []) {
      if (name === "num_batches_tracked") continue;
      const found = weights[layer.name]?.[name]?.length ?? null;
      if (found === null) return `${layer.name}: its ${name} is not in this document`;
      if (found !== volume(shape)) return `${layer.name}: its ${name} has ${found} values, not ${volume(shape)}`;
    }
  }
  return null;
}

/** The values of a net at one sample. */
export class Forward {
  private readonly parts = new Map<string, Part>();
  private readonly given = new Map<string, Tensor>();
  private readonly readers = new Map<string, Part[]>();

  /** Throws EngineError with a sentence if the net cannot be run. */
  constructor(readonly derived: Derived, weights: Weights) {
    const reason = hindrance(derived, weights);
    if (reason) throw new EngineError(reason);
    for (const { name, shape } of derived.inputs) this.given.set(name, tensor(shape));
    for (const layer of derived.layers) {
      const inputs = layer.inputs.map((name) => this.tensor(name));
      const traced = derived.traced.get(layer.name) as Traced;
      const own = Object.fromEntries(Object.entries(weights[layer.name] ?? {}).map(([name, w]) => [name, w.slice()]));
      const call = new LayerCall(inputs, tensor(traced.out), traced.reads, own);
      const part: Part = { layer, op: OPS.get(layer.op) as Op, call, stale: true };
      this.parts.set(layer.name, part);
      for (const name of layer.inputs) this.readers.set(name, [...this.readers.get(name) ?? [], part]);
    }
  }

  /** Sets the values of an input, `c h w`. */
  image(values: Float32Array, name: string = this.derived.inputs[0].name): void {
    const given = this.given.get(name);
    if (!given) throw new UnknownNameError(`no input is called "${name}"`);
    if (values.length !== given.data.length) {
      const what = `${values.length} values are given for ${name}`;
      throw new ShapeError(what, `${given.data.length}, for ${shapeText(given.shape)}`);
    }
    if (given.data.every((one, at) => one === values[at])) return;
    given.data.set(values);
    this.spoil(name);
  }

  /** Whether there is an input of that name for so many values. */
  takes(name: string, count: number): boolean {
    return this.given.get(name)?.data.length === count;
  }

  /** The values of the inputs by name. */
  images(): Map<string, Float32Array> {
    return new Map([...this.given].map(([name, { data }]) => [name, data]));
  }

  /** The weights as they are now. */
  weights(): Weights {
    return Object.fromEntries([...this.parts].map(([name, { call }]) => [name, call.weights]));
  }

  /** Changes one value of a weight. */
  weight(layer: string, name: string, index: number, value: number): void {
    const part = this.part(layer), weight = part.call.weights[name];
    if (!weight || !(index in weight)) throw new UnknownNameError(`${layer} has no ${name}[${index}]`);
    weight[index] = value;
    this.changed(part);
  }

  /** Replaces all values of a weight. */
  replace(layer: string, name: string, values: Float32Array): void {
    const part = this.part(layer), weight = part.call.weights[name];
    if (weight?.length !== values.length) {
      throw new UnknownNameError(`${layer} has no ${name} of ${values.length} values`);
    }
    weight.set(values);
    this.changed(part);
  }

  /** The layers that must run before the values of some layers are known, in order. */
  pending(names: readonly string[]): string[] {
    const needed = new Set(names), found: string[] = [];
    for (const { layer, stale } of [...this.parts.values()].reverse()) {
      if (!stale || !needed.has(layer.name)) continue;
      found.push(layer.name);
      for (const name of layer.inputs) needed.add(name);
    }
    return found.reverse();
  }

  /** Runs one layer, whose inputs are known. */
  step(name: string): void {
    const part = this.part(name);
    part.op.run(part.layer.settings, part.call);
    part.stale = false;
  }

  /** The values of a layer or an input, `c h w`. They stay the engine's own, and change with the next image. */
  values(name: string): Float32Array {
    for (const one of this.pending([name])) this.step(one);
    return this.tensor(name).data;
  }

  private changed(part: Part): void {
    part.call.version++;
    part.stale = true;
    this.spoil(part.layer.name);
  }

  /** Marks all that depends on a value. What is stale already has been followed. */
  private spoil(name: string): void {
    const rest = [name];
    for (let at = rest.pop(); at !== undefined; at = rest.pop()) {
      for (const part of this.readers.get(at) ?? []) {
        if (part.stale) continue;
        part.stale = true;
        rest.push(part.layer.name);
      }
    }
  }

  private part(name: string): Part {
    const found = this.parts.get(name);
    if (!found) throw new UnknownNameError(`no layer is called "${name}"`);
    return found;
  }

  private tensor(name: string): Tensor {
    return this.given.get(name) ?? this.part(name).call.output;
  }
}

function tensor(shape: readonly number[]): Tensor {
  return { shape, data: new Float32Array(volume(shape)) };
}
