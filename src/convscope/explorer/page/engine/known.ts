/** The net of a document, from which layers are taken that the engine does not name. */

import type { AxisRead } from "./axis.ts";
import { relationOf } from "./axis.ts";
import { EngineError } from "./errors.ts";
import type { Fields } from "./field/field.ts";
import { imageOf } from "./field/field.ts";
import type { Fit } from "./fit.ts";
import type { Graph, Node } from "./graph.ts";
import type { Hull, Settings } from "./ops/op.ts";
import { completed, fitted, OPS, spelled } from "./ops/registry.ts";
import type { Input, Layer, Net, Shape } from "./types.ts";

/** The layers of a document, by name, with what they say beyond their op. */
export class Known {
  private readonly layers: ReadonlyMap<string, Layer>;
  private readonly shapes: ReadonlyMap<string, Shape>;
  private readonly relations: readonly AxisRead[];

  constructor(private readonly net?: Net) {
    const relations = net &&
      (documents.get(net) ?? net.reads.map((one) => ({ follows: one.follows, relation: relationOf(one) })));
    if (net && relations) documents.set(net, relations);
    this.relations = relations ?? [];
    this.layers = new Map(net?.layers.map((layer) => [layer.name, layer]));
    const given = net?.inputs.map((one) => [one.name, one.shape] as const) ?? [];
    this.shapes = new Map([...given, ...(net?.layers.map((layer) => [layer.name, layer.out] as const) ?? [])]);
  }

  /** Whether a graph is the document's, so that its fields hold. */
  covers(graph: Graph): boolean {
    const { net } = this;
    if (!net || net.layers.length !== graph.nodes.length) return false;
    if (JSON.stringify(net.inputs) !== JSON.stringify(graph.inputs)) return false;
    return graph.nodes.every((node, at) => {
      const layer = net.layers[at], rank = (this.shapes.get(node.inputs[0])?.length ?? 1) - 1;
      return node.name === layer.name && isSame(node, layer, rank) && String(node.inputs) === String(layer.inputs);
    });
  }

  /** The input on which pixels are counted. */
  image(inputs: readonly Input[]): Input {
    return inputs.find((one) => one.name === this.net?.of) ?? imageOf(inputs);
  }

  fields(): Map<string, Fields> {
    return new Map(this.net?.layers.map(({ name, rf, gated }) => [name, { rf, gated }]));
  }

  /** Fields with those of the document where they are unknown and nothing that a layer depends on has changed. */
  completed(
    fields: Map<string, Fields | null>,
    graph: Graph,
    shapes: ReadonlyMap<string, Shape | null>,
  ): Map<string, Fields | null> {
    const same = new Set(
      graph.inputs.filter((one) => String(one.shape) === String(this.shapes.get(one.name))).map((one) => one.name),
    );
    for (const node of graph.nodes) {
      const before = node.inputs.map((name) => shapes.get(name) ?? []), layer = this.unchanged(node, before);
      if (!layer || String(node.inputs) !== String(layer.inputs) || !node.inputs.every((name) => same.has(name))) {
        continue;
      }
      same.add(node.name);
      if (!fields.get(node.name)) fields.set(node.name, { rf: layer.rf, gated: layer.gated });
    }
    return fields;
  }

  /** What the document states of a layer that the op alone does not: shared, frozen or foreign weights. */
  ownFacts(node: Node, inputs: readonly Shape[]): Pick<Fit, "params" | "macs" | "weights"> | null {
    const layer = this.unchanged(node, inputs);
    return layer && { params: layer.params, macs: layer.macs, weights: layer.weights };
  }

  /** The facts of a layer that the engine does not name; null if they are unknown. */
  fit(node: Node, inputs: readonly Shape[]): Fit | null {
    const layer = this.unchanged(node, inputs);
    if (!layer) return null;
    return {
      ...layer,
      hull: layer.hull as Hull,
      reads: layer.reads.map((axes) => axes.map((at) => this.relations[at])),
      statistics: layer.statistics.map((at) => this.relations[at]),
      source: false,
    };
  }

  private unchanged(node: Node, inputs: readonly Shape[]): Layer | null {
    const layer = this.layers.get(node.name);
    if (!layer || !isSame(node, layer, inputs[0].length - 1) || layer.inputs.length !== inputs.length) return null;
    const same = layer.inputs.every((name, at) => String(this.shapes.get(name)) === String(inputs[at]));
    return same ? layer : null;
  }
}

const documents = new WeakMap<Net, readonly AxisRead[]>();

/** Whether a node is a layer of a document, at an input of so many spatial axes. */
function isSame(node: Node, layer: Layer, rank: number): boolean {
  if (node.op !== layer.op) return false;
  if (node.settings === layer.settings) return true;
  const op = OPS.get(node.op);
  if (!op) return node.text === layer.text || JSON.stringify(node.settings) === JSON.stringify(layer.settings);
  const words = (settings: Settings) => spelled(op, fitted(op, completed(op, settings), rank));
  try {
    return words(node.settings) === words(layer.settings);
  } catch (error) {
    if (error instanceof EngineError) return false;
    throw error;
  }
}
