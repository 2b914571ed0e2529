// The net as the reader has changed it: a list of edits in the address, applied to the net of the document.

import type { Document, Net, Place } from "./document.ts";
import { derive, type Derived, type DerivedLayer, type LayerError } from "./engine/derive.ts";
import { apply, type Edit } from "./engine/edit.ts";
import { EngineError } from "./engine/errors.ts";
import { type Graph, graphOf } from "./engine/graph.ts";
import { parse } from "./engine/notation.ts";
import type { Facts, NetFacts } from "./model.ts";
import { Trouble } from "./trouble.ts";

/** A change of one thing, or a text in the notation instead of everything before. */
export type Change = Edit | { readonly kind: "text"; readonly text: string };

/** The most changes that an address holds. */
const MOST = 200;

export const isText = (change: Change): change is Extract<Change, { kind: "text" }> => change.kind === "text";

/** Read the changes of an address; throws a Trouble if it holds something else. */
export function changesOf(text: string): Change[] {
  if (!text) return [];
  try {
    const found: unknown = JSON.parse(text);
    if (Array.isArray(found) && found.length <= MOST && found.every((one) => typeof one?.kind === "string")) {
      return found;
    }
  } catch {
    // said below
  }
  throw new Trouble("The address holds a change of the net that cannot be read.", "The net is shown as it was.");
}

/** Add a change; one that sets the same thing again takes the place of the last. */
export function withChange(changes: readonly Change[], change: Change): string {
  const last = changes.at(-1);
  const again = last?.kind === "set" && change.kind === "set" && last.layer === change.layer &&
    last.field === change.field;
  const kept = isText(change) ? [] : again ? changes.slice(0, -1) : changes;
  return JSON.stringify([...kept, change]);
}

/** The graph after some changes; throws an EngineError or a Trouble where one cannot be made. */
export function changed(graph: Graph, changes: readonly Change[]): Graph {
  return changes.reduce<Graph>((before, change) => isText(change) ? parse(change.text) : apply(before, change), graph);
}

export interface Edited {
  derived: Derived;
  net: NetFacts;
  errors: readonly LayerError[];
  /** Why a change of the address was left out. */
  trouble: Trouble | null;
}

/** The net of a document after the changes that an address holds. */
export function edited(document: Document, base: Graph, text: string): Edited {
  let graph = base, trouble: Trouble | null = null;
  try {
    graph = changed(base, changesOf(text));
  } catch (error) {
    if (error instanceof Trouble) trouble = error;
    else if (error instanceof EngineError) {
      trouble = new Trouble(`A change of the net cannot be made: ${error.message}.`);
    } else throw error;
  }
  const derived = derive(graph, document.net);
  const whole = graph === base;
  return { derived, net: whole ? document.net : factsOf(derived, document.net), errors: derived.errors, trouble };
}

export const baseOf = (document: Document): Graph => graphOf(document.net);

/** A derived net in the form of the document's. */
function factsOf(derived: Derived, before: Net): NetFacts {
  const pointwise = new Set(before.layers.filter((layer) => layer.pointwise).map(({ name }) => name));
  return {
    inputs: derived.inputs.map((one) => ({ ...one, shape: [...one.shape] })),
    of: derived.image.name,
    outputs: derived.outputs.map((one) => ({ ...one })),
    layers: derived.layers.map((layer) => factsOfLayer(layer, pointwise.has(layer.name))),
    reads: derived.reads as Net["reads"],
    totals: { ...derived.totals, missing: [...derived.totals.missing] },
    peak: derived.peak && { ...derived.peak, live: [...derived.peak.live] },
    places: placesOf(derived, before.places),
    arcs: [],
    notes: before.notes,
  };
}

/** A layer without a size is taken for pointwise where it was: it stays in its column. */
const factsOfLayer = (layer: DerivedLayer, pointwise: boolean): Facts => ({
  ...(layer as unknown as Facts),
  out: [...layer.out ?? []],
  rf: [...(layer.rf ?? [])] as Facts["rf"],
  pointwise: layer.out ? layer.pointwise : pointwise,
  shared: false,
  origin: null,
});

/** New layers are drawn in the module of what they read. */
function placesOf(derived: Derived, before: readonly Place[]): Place[] {
  const modules = new Map(before.map((place) => [place.layer, place.module]));
  derived.layers.forEach(({ name, inputs }) => {
    if (!modules.has(name)) modules.set(name, modules.get(inputs[0]) ?? "");
  });
  return derived.layers.map(({ name }, i) => ({
    layer: name,
    column: i + 1,
    lane: 0,
    module: modules.get(name) ?? "",
  }));
}
