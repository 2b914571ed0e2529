// What the Map shows at a time: inputs, steps, and groups that are closed; each with its costs.

import type { AxisField } from "./document.ts";
import { type Facts, type Kind, kindOf, type Model, settings, short, type Sum, sum } from "./model.ts";
import { allGroups, type Group, groupsAround, openAtFirst, type Piece, treeOf } from "./tree.ts";

export interface Item {
  key: string;
  kind: Kind | "input" | "group";
  title: string;
  sub: string;
  /** Its layers; none for an input. */
  layers: readonly Facts[];
  first: number;
  last: number;
  group: Group | null;
  params: Sum;
  macs: Sum;
  bytes: Sum;
  live: Sum;
  out: readonly number[];
  rf: readonly AxisField[];
}

/** A bracket above the items of an open group. */
export interface Bracket {
  group: Group;
  from: number;
  to: number;
  depth: number;
}

export interface Shown {
  items: Item[];
  brackets: Bracket[];
  /** Which items each item reads. */
  sources: number[][];
  itemOf(layer: string): number;
}

export type Cost = "macs" | "params" | "bytes" | "live";

export const costOf = (item: Item, cost: Cost): Sum => item[cost];

/** A tree with what is open in it. */
export class Folding {
  readonly tree: Piece[];
  readonly groups: Map<string, Group>;
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
    this.tree = treeOf(model);
    this.groups = new Map(allGroups(this.tree).map((group) => [group.id, group]));
  }

  /** The open groups that a text of the address names; by default as many levels as fit. */
  open(text: string, most: number): Set<string> {
    if (!text) return openAtFirst(this.tree, most);
    return new Set(text.split(" ").filter((id) => this.groups.has(id)));
  }

  /** The text of the address; "-" says that all is closed. */
  text(open: ReadonlySet<string>): string {
    return [...open].sort().join(" ") || "-";
  }

  around(layer: string): Group[] {
    const at = this.#model.index.get(layer);
    return at === undefined || at >= this.#model.layers.length ? [] : groupsAround(this.tree, this.#model.stepOf[at]);
  }

  show(open: ReadonlySet<string>): Shown {
    const items = this.#model.net.inputs.map((input) => inputItem(input.name, input.shape));
    const brackets: Bracket[] = [];
    const itemOfStep = new Int32Array(this.#model.steps.length);
    const walk = (row: readonly Piece[], depth: number): void => {
      for (const piece of row) {
        if (typeof piece !== "number" && open.has(piece.id)) {
          const from = items.length;
          walk(piece.pieces, depth + 1);
          brackets.push({ group: piece, from, to: items.length - 1, depth });
          continue;
        }
        const item = typeof piece === "number" ? this.#step(piece) : this.#group(piece);
        for (let i = item.first; i <= item.last; i++) itemOfStep[i] = items.length;
        items.push(item);
      }
    };
    walk(this.tree, 0);
    const itemOf = (name: string): number => {
      const at = this.#model.index.get(name);
      if (at === undefined) return -1;
      const layers = this.#model.layers.length;
      return at < layers ? itemOfStep[this.#model.stepOf[at]] : at - layers;
    };
    const sources = items.map((item, i) => {
      const found = new Set<number>();
      for (const layer of item.layers) for (const name of layer.inputs) found.add(itemOf(name));
      found.delete(i);
      return [...found].filter((one) => one >= 0 && one < i);
    });
    return { items, brackets: nested(brackets), sources, itemOf };
  }

  #step(at: number): Item {
    const { main, layers } = this.#model.steps[at];
    const after = layers.slice(1).map((layer) => layer.op.replaceAll("_", " "));
    const words = [settings(main), ...after].filter(Boolean);
    return {
      ...costs(layers),
      key: main.name,
      kind: kindOf(main),
      title: short(main.name),
      sub: words.join(" · "),
      first: at,
      last: at,
      group: null,
    };
  }

  #group(group: Group): Item {
    const layers: Facts[] = [];
    for (let i = group.first; i <= group.last; i++) layers.push(...this.#model.steps[i].layers);
    const inner = group.pieces.filter((piece) => typeof piece !== "number").length;
    return {
      ...costs(layers),
      key: group.id,
      kind: "group",
      title: group.title,
      sub: inner === group.pieces.length ? `×${inner}` : `${group.last - group.first + 1} steps`,
      first: group.first,
      last: group.last,
      group,
    };
  }
}

function costs(layers: readonly Facts[]) {
  const last = layers[layers.length - 1];
  const live = layers.reduce<Sum>(
    (most, { live }) => live === null ? { ...most, exact: false } : { ...most, value: Math.max(most.value, live) },
    { value: 0, exact: true },
  );
  const [params, macs, bytes] = (["params", "macs", "bytes"] as const).map((cost) => sum(layers, cost));
  return { layers, params, macs, bytes, live, out: last.out, rf: last.rf };
}

const NOTHING: Sum = { value: 0, exact: true };

const inputItem = (name: string, shape: readonly number[]): Item => ({
  key: name,
  kind: "input",
  title: name,
  sub: "",
  layers: [],
  first: -1,
  last: -1,
  group: null,
  params: NOTHING,
  macs: NOTHING,
  bytes: NOTHING,
  live: NOTHING,
  out: shape,
  rf: [],
});

/** Outer brackets lie above inner ones: depth 0 is the row next to the drawing. */
function nested(brackets: Bracket[]): Bracket[] {
  const deepest = Math.max(0, ...brackets.map((one) => one.depth));
  return brackets.map((one) => ({ ...one, depth: deepest - one.depth }));
}
