/**
 * From a graph to its layers: shapes, params, MACs, bytes, receptive fields, totals, and errors at the layer.
 *
 * An op that the engine does not name is taken from a document where its input shapes are unchanged. Whatever cannot be
 * known is null, never 0; after an error, so is everything that depends on it.
 */

import type { AxisRead } from "./axis.ts";
import { readOf } from "./axis.ts";
import { EngineError, ShapeError } from "./errors.ts";
import type { Fields } from "./field/field.ts";
import { fieldsOf } from "./field/field.ts";
import type { Traced } from "./field/trace.ts";
import type { Graph, Node } from "./graph.ts";
import { INPUT } from "./graph.ts";
import type { Fit } from "./fit.ts";
import { fit, isTooLarge, opText, paramsOf } from "./fit.ts";
import { Known } from "./known.ts";
import { memoryOf } from "./memory.ts";
import type { Settings } from "./ops/op.ts";
import { volume } from "./ops/op.ts";
import { isMerge, OPS } from "./ops/registry.ts";
import { shapeText } from "./spell.ts";
import type { AxisField, Input, Net, Output, Peak, Read, Shape, Totals, Weight } from "./types.ts";

const FLOAT32 = 4;

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
    text: fit?.text ?? (op ? opText(node) : node.text ?? node.op),
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
