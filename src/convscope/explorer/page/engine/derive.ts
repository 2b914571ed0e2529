/**
 * From a graph to its layers: shapes, params, MACs, bytes, receptive fields, totals, and errors at the layer.
 *
 * An op that the engine does not name is taken from a document where its input shapes are unchanged. Whatever cannot be
 * known is null, never 0; after an error, so is everything that depends on it.
 */

import type { AxisRead, Reads } from "./axis.ts";
import { along, readOf, relationOf } from "./axis.ts";
import { EngineError, ShapeError } from "./errors.ts";
import type { Fields } from "./field/field.ts";
import { fieldsOf, imageOf } from "./field/field.ts";
import type { Traced } from "./field/trace.ts";
import type { Graph, Node } from "./graph.ts";
import { INPUT } from "./graph.ts";
import { memoryOf } from "./memory.ts";
import type { Hull, Op, Settings } from "./ops/op.ts";
import { outputShape, volume } from "./ops/op.ts";
import { completed, fitted, isMerge, OPS, spelled } from "./ops/registry.ts";
import { shapeText } from "./spell.ts";
import type { AxisField, Input, Layer, Net, Output, Peak, Read, Shape, Totals, Weight } from "./types.ts";

const MAX_SIDE = 2 ** 20;
const MAX_CHANNELS = 2 ** 40;
const FLOAT32 = 4;

/** What the document would say of a weight's values. */
const UNSTORED = { frozen: false, blob: null, stored: "float32" } as const;

/** A layer of a derived net; what is unknown is null. */
export interface DerivedLayer {
  readonly name: string;
  readonly op: string;
  readonly text: string;
  readonly settings: Settings;
  readonly inputs: readonly string[];
  readonly out: Shape | null;
  readonly params: number | null;
  readonly macs: number | null;
  /** Size of the output, float32 [byte]. */
  readonly bytes: number | null;
  /** Live activations while the layer runs, float32 [byte]; unknown while any shape is. */
  readonly live: number | null;
  readonly rf: readonly AxisField[] | null;
  /** Null: equal to `rf`. */
  readonly gated: readonly AxisField[] | null;
  /** For each input, for each axis of it: index into the reads of the net. */
  readonly reads: readonly (readonly number[])[];
  readonly statistics: readonly number[];
  readonly hull: string;
  readonly pointwise: boolean;
  readonly weights: readonly Weight[] | null;
}

/** What is wrong with a layer, as data. */
export interface LayerError {
  readonly layer: string;
  readonly kind: string;
  readonly what: string;
  /** What the layer received: `28x28x16 from conv1`. */
  readonly given: string;
  readonly expected: string;
  readonly attempt: string;
}

export interface Derived {
  readonly graph: Graph;
  readonly inputs: readonly Input[];
  /** The input on whose pixels the receptive fields are measured. */
  readonly image: Input;
  readonly outputs: readonly Output[];
  readonly layers: readonly DerivedLayer[];
  readonly reads: readonly Read[];
  readonly totals: Totals;
  /** The peak of memory; null while any shape is unknown. */
  readonly peak: Peak | null;
  readonly errors: readonly LayerError[];
  /** The relations behind the reads, by layer: what reach and the forward pass use. */
  readonly traced: ReadonlyMap<string, Traced | null>;
}

/** The facts of an op at input shapes. */
interface Fit {
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

/** Derives a net. `known` is the document's net, from which layers are taken that the engine does not name. */
export function derive(graph: Graph, known?: Net): Derived {
  const given = new Known(known), { fits, shapes, errors } = fitAll(graph, given);
  const traced = new Map(graph.nodes.map((node) => [node.name, tracedOf(node, fits.get(node.name) ?? null, shapes)]));
  const whole = given.covers(graph), image = given.image(graph.inputs);
  const fields = whole ? given.fields() : given.completed(fieldsOf(graph.inputs, image, traced), graph, shapes);
  const reads = new ReadList(), memory = memoryOf(graph.inputs, graph.nodes, graph.outputs, shapes);
  const layers = graph.nodes.map((node) => {
    const live = memory?.live.get(node.name) ?? null;
    return layerOf(node, fits.get(node.name) ?? null, fields.get(node.name) ?? null, live, reads);
  });
  const totals = whole && known ? known.totals : totalsOf(layers);
  const { inputs, outputs } = graph;
  const peak = memory?.peak ?? null;
  return { graph, inputs, image, outputs, layers, reads: reads.reads, totals, peak, errors, traced };
}

/** The layers whose outputs read exactly the same index of a single input. */
export function pointwiseIn(graph: Graph, known?: Net): Set<string> {
  const { fits } = fitAll(graph, new Known(known));
  return new Set(graph.nodes.filter((node) => fits.get(node.name)?.pointwise).map((node) => node.name));
}

interface Fits {
  readonly fits: ReadonlyMap<string, Fit | null>;
  readonly shapes: ReadonlyMap<string, Shape | null>;
  readonly errors: readonly LayerError[];
}

/** Fits every node to the shapes of its inputs. */
function fitAll(graph: Graph, known: Known): Fits {
  const shapes = new Map<string, Shape | null>(), fits = new Map<string, Fit | null>(), errors: LayerError[] = [];
  for (const { name, shape } of graph.inputs) {
    shapes.set(name, isTooLarge(shape) ? null : shape);
    if (isTooLarge(shape)) errors.push(tooLarge(name, shape));
  }
  for (const node of graph.nodes) {
    const before = node.inputs.map((name) => shapes.get(name) ?? null);
    const fit = attempted(node, before, known, errors);
    fits.set(node.name, fit);
    shapes.set(node.name, fit && fit.out);
  }
  return { fits, shapes, errors };
}

function isTooLarge(shape: Shape): boolean {
  return shape[0] > MAX_CHANNELS || shape.slice(1).some((size) => size > MAX_SIDE);
}

function tooLarge(layer: string, shape: Shape): LayerError {
  const expected = "at most 1,048,576 along an axis, and 1,099,511,627,776 channels";
  return { layer, kind: "ShapeError", what: `${shapeText(shape)} is too large`, given: "", expected, attempt: "" };
}

function attempted(node: Node, before: readonly (Shape | null)[], known: Known, errors: LayerError[]): Fit | null {
  if (before.some((shape) => shape === null)) return null;
  const inputs = before as readonly Shape[];
  try {
    const own = known.ownFacts(node, inputs);
    const op = OPS.get(node.op), came = inputs[0][0];
    if (node.channels !== undefined && node.channels !== came) {
      throw new ShapeError(`written for ${node.channels} input channels, but the input has ${came}`);
    }
    return op ? { ...fit(op, node.settings, inputs), ...own } : known.fit(node, inputs);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const from = (name: string) => (name === INPUT ? "the input" : name);
    const given = inputs.map((shape, at) => `${shapeText(shape)} from ${from(node.inputs[at])}`).join(", ");
    const { kind, message: what, expected, attempt } = error;
    errors.push({ layer: node.name, kind, what, given, expected, attempt });
    return null;
  }
}

const fits = new Map<string, Fit>();
const MOST_FITS = 4096;

/** Fits an op to input shapes; blocks repeat, and so do edits. */
function fit(op: Op, settings: Settings, inputs: readonly Shape[]): Fit {
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

function paramsOf(weights: readonly Weight[]): number {
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

function tracedOf(node: Node, fit: Fit | null, shapes: ReadonlyMap<string, Shape | null>): Traced | null {
  if (!fit) return null;
  const { out, reads, statistics, hull, pointwise, source } = fit;
  const before = node.inputs.map((name) => shapes.get(name) as Shape);
  return {
    inputs: node.inputs,
    shapes: before,
    out,
    reads,
    statistics,
    hull,
    pointwise,
    source,
    merges: isMerge(node.op),
  };
}

function layerOf(
  node: Node,
  fit: Fit | null,
  fields: Fields | null,
  live: number | null,
  reads: ReadList,
): DerivedLayer {
  const op = OPS.get(node.op), { name, inputs } = node;
  return {
    name,
    op: node.op,
    text: fit?.text ?? (op ? bestText(op, node) : node.text ?? node.op),
    settings: fit?.settings ?? node.settings,
    inputs,
    out: fit?.out ?? null,
    params: fit?.params ?? null,
    macs: fit?.macs ?? null,
    bytes: fit && volume(fit.out) * FLOAT32,
    live,
    rf: fields?.rf ?? null,
    gated: fields?.gated ?? null,
    reads: fit?.reads.map((one) => reads.all(one)) ?? [],
    statistics: reads.all(fit?.statistics ?? []),
    hull: fit?.hull ?? "",
    pointwise: fit?.pointwise ?? false,
    weights: fit?.weights ?? null,
  };
}

/** The words of a layer that does not fit. */
function bestText(op: Op, node: Node): string {
  try {
    return spelled(op, completed(op, node.settings));
  } catch (error) {
    if (error instanceof EngineError) return node.text ?? node.op;
    throw error;
  }
}

/** The distinct reads of a net. */
class ReadList {
  readonly reads: Read[] = [];
  private readonly places = new Map<string, number>();

  all(reads: readonly AxisRead[]): number[] {
    return reads.map((read) => {
      const key = `${read.follows},${read.relation.key}`;
      let place = this.places.get(key);
      if (place === undefined) {
        place = this.reads.push(readOf(read)) - 1;
        this.places.set(key, place);
      }
      return place;
    });
  }
}

function totalsOf(layers: readonly DerivedLayer[]): Totals {
  let params = 0, frozen = 0, macs = 0, bytes = 0;
  const missing: string[] = [];
  for (const layer of layers) {
    params += layer.params ?? 0;
    macs += layer.macs ?? 0;
    frozen += paramsOf(layer.weights?.filter((weight) => weight.frozen) ?? []);
    bytes += layer.bytes ?? 0;
    if (layer.params === null || layer.macs === null) missing.push(layer.name);
  }
  return { params, frozen, macs, bytes, exact: !missing.length, missing: missing.sort() };
}

/** The layers of a document, by name, with what they say beyond their op. */
class Known {
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
