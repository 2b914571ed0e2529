/**
 * Live activations over time in inference, float32, one sample.
 *
 * Layers run in order, and a tensor is dropped after its last reader; the inputs stay, as the caller has them. An op that
 * works in place takes over the memory of its input if nothing else reads that later; a view shares it.
 */

import type { Node } from "./graph.ts";
import { volume } from "./ops/op.ts";
import { OPS } from "./ops/registry.ts";
import type { Input, Output, Peak, Shape } from "./types.ts";

const FLOAT32 = 4;

/** Size of an index that a max-pooling computes beside its output [byte]. */
const INDEX = 8;

export interface Memory {
  /** The bytes that are alive while each layer runs. */
  readonly live: ReadonlyMap<string, number>;
  readonly peak: Peak;
}

/** The memory of a net all of whose shapes are known; otherwise null. */
export function memoryOf(
  inputs: readonly Input[],
  nodes: readonly Node[],
  outputs: readonly Output[],
  shapes: ReadonlyMap<string, Shape | null>,
): Memory | null {
  if (!nodes.length || nodes.some(({ name }) => !shapes.get(name))) return null;
  const flow = new Flow(inputs, nodes, outputs, shapes as ReadonlyMap<string, Shape>);
  const live = new Map<string, number>();
  let peak: Peak | null = null;
  nodes.forEach((node, step) => {
    const bytes = flow.run(node, step);
    live.set(node.name, bytes);
    if (!peak || bytes > peak.bytes) peak = { bytes, layer: node.name, live: [...flow.alive.keys()] };
    flow.drop(step);
  });
  return peak && { live, peak };
}

class Flow {
  /** The tensors that are alive, and their bytes. */
  readonly alive = new Map<string, number>();
  private live = 0;
  /** The tensor whose memory a layer's output is in: by views alone, and by what has run. */
  private readonly root = new Map<string, string>();
  private readonly owner: Map<string, string>;
  /** The step at which each tensor is read for the last time. */
  private readonly last = new Map<string, number>();
  private readonly first: ReadonlyMap<string, number>;
  private readonly ends = new Map<number, Set<string>>();

  constructor(
    private readonly inputs: readonly Input[],
    nodes: readonly Node[],
    outputs: readonly Output[],
    private readonly shapes: ReadonlyMap<string, Shape>,
  ) {
    for (const { name } of inputs) {
      this.root.set(name, name);
      this.alive.set(name, this.bytes(name));
      this.live += this.bytes(name);
    }
    for (const { name, op, inputs: [source] } of nodes) {
      this.root.set(name, OPS.get(op)?.memory === "view" ? this.rootOf(source) : name);
    }
    nodes.forEach((node, step) => node.inputs.forEach((source) => this.last.set(this.rootOf(source), step)));
    for (const { layer } of outputs) this.last.set(this.rootOf(layer), nodes.length);
    this.first = new Map(this.last);
    this.owner = new Map(this.root);
    for (const [name, step] of this.last) this.endsAt(step).add(name);
  }

  /** Runs a layer; returns the bytes that are alive while it runs. */
  run({ name, op: keyword, inputs: [source] }: Node, step: number): number {
    const op = OPS.get(keyword), before = this.owner.get(source) as string, root = this.rootOf(name);
    const spent = this.last.get(before) === step && !this.isInput(before);
    if (op?.memory === "view" || (op?.memory === "in place" && spent)) {
      this.owner.set(name, before);
      this.move(before, Math.max(this.last.get(root) ?? step, this.last.get(before) ?? step));
    } else {
      this.owner.set(name, name);
      this.move(name, this.first.get(root) ?? step);
      this.alive.set(name, this.bytes(name));
      this.live += this.bytes(name);
    }
    return this.live + (op?.indices ? volume(this.shapes.get(name) as Shape) * INDEX : 0);
  }

  /** Drops what is read for the last time at a step. */
  drop(step: number): void {
    for (const name of this.ends.get(step) ?? []) {
      if (this.isInput(name)) continue;
      this.live -= this.alive.get(name) ?? 0;
      this.alive.delete(name);
    }
    this.ends.delete(step);
  }

  private move(name: string, step: number): void {
    const before = this.last.get(name);
    if (before !== undefined && before !== step) this.ends.get(before)?.delete(name);
    this.last.set(name, step);
    this.endsAt(step).add(name);
  }

  private endsAt(step: number): Set<string> {
    let found = this.ends.get(step);
    if (!found) this.ends.set(step, found = new Set());
    return found;
  }

  private rootOf(name: string): string {
    return this.root.get(name) ?? name;
  }

  private isInput(name: string): boolean {
    return this.inputs.some((one) => one.name === name);
  }

  private bytes(name: string): number {
    return volume(this.shapes.get(name) as Shape) * FLOAT32;
  }
}
