// What can be folded: the modules of a net, and where it has none, its blocks and stages.

import { type Model, short, type Step } from "./model.ts";
import { area } from "./words.ts";

/** A step by its index, or a group of neighbours. */
export type Piece = number | Group;

export interface Group {
  id: string;
  title: string;
  pieces: Piece[];
  /** The first and the last step. */
  first: number;
  last: number;
}

/** Pieces that fit beside each other; longer rows are grouped. */
const ROW = 12;
/** A row is cut where it is longer than this, into as many parts. */
const LONG = 48;
const PARTS = 8;

const firstOf = (piece: Piece): number => typeof piece === "number" ? piece : piece.first;
const lastOf = (piece: Piece): number => typeof piece === "number" ? piece : piece.last;

const grouped = (id: string, title: string, pieces: Piece[]): Group => ({
  id,
  title,
  pieces,
  first: firstOf(pieces[0]),
  last: lastOf(pieces[pieces.length - 1]),
});

/** A module by its own name; what is its only part is not folded once more. */
function named(id: string, title: string, inner: Piece[]): Group {
  const only = inner.length === 1 ? inner[0] : null;
  return only !== null && typeof only !== "number" ? { ...only, id, title } : grouped(id, title, inner);
}

/** Cut a row wherever the key changes. */
function runs(pieces: readonly Piece[], key: (piece: Piece) => string): [string, Piece[]][] {
  const found: [string, Piece[]][] = [];
  for (const piece of pieces) {
    const name = key(piece);
    const last = found.at(-1);
    if (last && last[0] === name) last[1].push(piece);
    else found.push([name, [piece]]);
  }
  return found;
}

/** Build the tree of a net. */
export function treeOf(model: Model): Piece[] {
  const seen = new Map<string, number>();
  const path = (step: Step): string[] => (model.modules.get(step.main.name) ?? "").split(/[./]/).filter(Boolean);
  const unique = (id: string): string => {
    const times = (seen.get(id) ?? 0) + 1;
    seen.set(id, times);
    return times === 1 ? id : `${id}#${times}`;
  };
  const within = (steps: readonly Piece[], depth: number): Piece[] => {
    const row: Piece[] = [];
    for (const [name, part] of runs(steps, (piece) => path(model.steps[piece as number])[depth] ?? "")) {
      if (!name) row.push(...part);
      else {
        const inner = within(part, depth + 1);
        const id = path(model.steps[part[0] as number]).slice(0, depth + 1).join(".");
        row.push(typeof inner[0] === "number" && inner.length === 1 ? inner[0] : named(unique(id), short(id), inner));
      }
    }
    return arranged(model, row);
  };
  return within(model.steps.map((_, i) => i), 0);
}

/** Group a row that is too long: by blocks, then by the size of their maps, then by hundreds. */
function arranged(model: Model, row: Piece[]): Piece[] {
  if (row.length <= ROW) return row;
  const blocks = withBlocks(model, row);
  const stages = blocks.length > ROW ? withStages(model, blocks) : blocks;
  return cut(stages);
}

/** Cut rows that are still long into equal parts, so that no row has more than some tens of pieces. */
function cut(row: Piece[]): Piece[] {
  for (const piece of row) if (typeof piece !== "number") piece.pieces = cut(piece.pieces);
  if (row.length <= LONG) return row;
  const long = Math.max(10, Math.ceil(row.length / PARTS));
  const parts: Piece[] = [];
  for (let at = 0; at < row.length; at += long) {
    const part = row.slice(at, at + long);
    const id = `~${firstOf(part[0])}-${lastOf(part[part.length - 1])}`;
    parts.push(part.length === 1 ? part[0] : grouped(id, `${at + 1}–${at + part.length}`, cut(part)));
  }
  return parts;
}

/** The steps that each step reads. */
function sources(model: Model, step: Step): number[] {
  const found = new Set<number>();
  for (const layer of step.layers) {
    for (const name of layer.inputs) {
      const at = model.index.get(name) ?? model.layers.length;
      if (at < model.layers.length && model.stepOf[at] !== step.index) found.add(model.stepOf[at]);
    }
  }
  return [...found];
}

/** Put paths that part and meet again into one block, if their maps have the size of its ends. */
function withBlocks(model: Model, row: Piece[]): Piece[] {
  const parents = model.steps.map((step) => sources(model, step));
  const lastReader = new Int32Array(model.steps.length).fill(-1);
  parents.forEach((all, i) => all.forEach((p) => lastReader[p] = Math.max(lastReader[p], i)));
  const row2: Piece[] = [];
  for (const piece of row) {
    row2.push(piece);
    if (typeof piece !== "number" || parents[piece].length < 2) continue;
    const fork = forkOf(parents, piece);
    if (fork === null) continue;
    let at = row2.length - 1;
    while (at > 0 && lastOf(row2[at - 1]) > fork) at -= 1;
    const inside = row2.slice(at);
    const first = firstOf(inside[0]);
    const flat = inside.flatMap((one) => typeof one === "number" ? [one] : one.pieces);
    if (
      flat.length < 2 || flat.length > 40 || !closed(lastReader, first, piece) || !flatAreas(model, fork, first, piece)
    ) {
      continue;
    }
    row2.splice(at, inside.length, grouped(`~${first}-${piece}`, short(model.steps[piece].main.name), flat));
  }
  return row2;
}

/** The last step through which every path to a merge goes; -1 is the input, null if it is too far away. */
function forkOf(parents: readonly number[][], merge: number): number | null {
  const open = new Set(parents[merge]);
  for (let looked = 0; looked < 60; looked++) {
    if (open.size === 1) return open.values().next().value ?? null;
    const latest = Math.max(...open);
    open.delete(latest);
    if (parents[latest].length === 0) open.add(-1);
    for (const one of parents[latest]) open.add(one);
  }
  return null;
}

/** Whether nothing but the merge is read from outside. */
function closed(lastReader: Int32Array, first: number, merge: number): boolean {
  for (let i = first; i < merge; i++) if (lastReader[i] > merge) return false;
  return true;
}

/** Whether the maps inside have the size of one end of the block, or none. */
function flatAreas(model: Model, fork: number, first: number, merge: number): boolean {
  const of = (i: number) => area(i < 0 ? model.image.shape : model.steps[i].layers[0].out);
  const allowed = new Set([of(fork), of(merge), "1×1"]);
  for (let i = first; i <= merge; i++) if (!allowed.has(of(i))) return false;
  return true;
}

/** Put neighbours with maps of one size into one stage; what comes before the first block of a stage stays outside. */
function withStages(model: Model, row: Piece[]): Piece[] {
  const at = (piece: Piece): string => {
    const step = model.steps[lastOf(piece)];
    const pools = typeof piece === "number" && /pool$/.test(step.main.op);
    return area(pools ? model.shape(step.main.inputs[0]) : step.layers[step.layers.length - 1].out);
  };
  const found: Piece[] = [];
  let stage = 0;
  for (const [where, part] of runs(row, at)) {
    const start = Math.max(0, part.findIndex((piece) => typeof piece !== "number"));
    const rest = part.slice(start);
    found.push(...part.slice(0, start));
    if (rest.length < 2 || where === "1×1") found.push(...rest);
    else found.push(grouped(`~${firstOf(rest[0])}-${lastOf(rest[rest.length - 1])}`, `Stage ${++stage}`, rest));
  }
  return stage > 1 ? found : row;
}

/** How much wider than a step a closed group is drawn. */
export const GROUP = 1.4;

const NEARLY = 0.8;

/** The groups that are open when the reader has not chosen: as many levels as fit beside each other. */
export function openAtFirst(tree: readonly Piece[], most: number): Set<string> {
  const open = new Set<string>(), count = tree.length ? lastOf(tree[tree.length - 1]) + 1 : 0;
  let row: Piece[] = [...tree];
  for (;;) {
    const groups = row.filter((piece): piece is Group => typeof piece !== "number");
    const next = row.flatMap((piece) => typeof piece === "number" ? [piece] : piece.pieces);
    const width = next.reduce<number>((all, piece) => all + (typeof piece === "number" ? 1 : GROUP), 0);
    // a module that holds nearly everything says nothing yet: what is in it is worth a scroll
    const heaviest = groups.reduce((all, one) => Math.max(all, one.last - one.first + 1), 0);
    if (!groups.length || width > most * (heaviest > NEARLY * count ? 2 : 1)) return open;
    for (const group of groups) open.add(group.id);
    row = next;
  }
}

/** The innermost closed group or step that shows a step, with the groups around it. */
export function groupsAround(tree: readonly Piece[], step: number): Group[] {
  const found: Group[] = [];
  let row: readonly Piece[] = tree;
  for (;;) {
    const group = row.find((piece): piece is Group =>
      typeof piece !== "number" && piece.first <= step && step <= piece.last
    );
    if (!group) return found;
    found.push(group);
    row = group.pieces;
  }
}

export function allGroups(tree: readonly Piece[]): Group[] {
  return tree.flatMap((piece) => typeof piece === "number" ? [] : [piece, ...allGroups(piece.pieces)]);
}
