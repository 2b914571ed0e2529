/** What would mend an error at a layer: edits that were tried, each with its words. */

import type { Derived, LayerError } from "./derive.ts";
import { derive } from "./derive.ts";
import type { Edit } from "./edit.ts";
import { apply } from "./edit.ts";
import { EngineError } from "./errors.ts";
import type { Graph, Node } from "./graph.ts";
import { nodeOf, readersOf } from "./graph.ts";
import { gcd } from "./numbers.ts";
import { divisors } from "./ops/conv.ts";
import { OPS } from "./ops/registry.ts";
import { shapeText } from "./spell.ts";
import type { Setting } from "./spell.ts";
import type { Net, Shape } from "./types.ts";

/** An edit that mends an error, and what it does in words: `conv3: groups = 8`. */
export interface Fix {
  readonly words: string;
  readonly edit: Edit;
}

const MOST = 4;

/** Edits after which the layer fits, the best first. Each was tried, and breaks nothing before it. */
export function fixesFor(derived: Derived, error: LayerError, known?: Net): Fix[] {
  const { graph } = derived;
  if (graph.inputs.some((one) => one.name === error.layer)) return [];
  const node = nodeOf(graph, error.layer);
  const shapes = node.inputs.map((name) => shapeOf(derived, name));
  if (shapes.some((shape) => shape === null)) return [];
  const inputs = shapes as readonly Shape[];
  const candidates = node.inputs.length > 1 ? forPaths(derived, node, inputs) : forOne(node, inputs[0]);
  const tried = new Set(graph.nodes.slice(0, graph.nodes.indexOf(node) + 1).map((one) => one.name));
  const found: { fix: Fix; left: number }[] = [];
  for (const fix of [...candidates, ...removal(node)]) {
    const left = errorsAfter(graph, fix.edit, known);
    if (left && !left.some((one) => tried.has(one))) found.push({ fix, left: left.length });
  }
  return found.sort((a, b) => a.left - b.left).slice(0, MOST).map(({ fix }) => fix);
}

/** The layers that do not fit after an edit; null if it cannot be made. */
function errorsAfter(graph: Graph, edit: Edit, known?: Net): string[] | null {
  try {
    return derive(apply(graph, edit), known).errors.map((error) => error.layer);
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}

function shapeOf(derived: Derived, name: string): Shape | null {
  return derived.traced.get(name)?.out ?? derived.inputs.find((one) => one.name === name)?.shape ?? null;
}

function removal(node: Node): Fix[] {
  return [{ words: `remove ${node.name}`, edit: { kind: "remove", layer: node.name } }];
}

function setting(node: Node, field: string, value: unknown): Fix {
  const entry = OPS.get(node.op)?.declared.find((one) => one.name === field);
  const text = entry?.kind.word(value).replace(/^[a-z]+(?=[0-9])/, "") ?? String(value);
  return { words: `${node.name}: ${field} = ${text}`, edit: { kind: "set", layer: node.name, field, value } };
}

/** Candidates for a layer of one input, by the settings that it has. */
function forOne(node: Node, input: Shape): Fix[] {
  const { settings } = node, found: Fix[] = [];
  const has = (field: string) => OPS.get(node.op)?.declared.some((one) => one.name === field) ?? false;
  if (has("groups")) {
    const wanted = Number(settings.groups), out = has("out") ? Number(settings.out) : input[0];
    const near = divisors(gcd(input[0], out)).sort((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted));
    found.push(...near.slice(0, 2).map((groups) => setting(node, "groups", groups)));
    if (has("out") && input[0] % wanted === 0) found.push(setting(node, "out", Math.ceil(out / wanted) * wanted));
  }
  if (has("pad")) found.push(setting(node, "pad", "same"), setting(node, "pad", [[0, 0]]));
  if (has("kernel") && input.length > 1) {
    const largest = input.slice(1), kernel = settings.kernel as readonly number[];
    const smaller = largest.map((size, axis) => Math.min(size, kernel[axis] ?? kernel[0]));
    found.push(setting(node, "kernel", smaller));
  }
  if (has("count")) found.push(setting(node, "count", input[0]), setting(node, "count", 1));
  if (has("shape")) found.push(setting(node, "shape", [input[0], ...input.slice(1).map(() => 1)]));
  if (has("range")) {
    const [first, , step] = settings.range as readonly number[];
    if (first < input[0]) found.push(setting(node, "range", [first, input[0], step]));
  }
  return found;
}

/** Candidates for a merge of paths of different sizes: each path is made like another one, or all keep their size. */
function forPaths(derived: Derived, node: Node, inputs: readonly Shape[]): Fix[] {
  const found: Fix[] = [], paths = node.inputs.map((name) => pathOf(derived.graph, name));
  const sliding = paths.map((path) => path.filter(isUnpadded).map((one) => setting(one, "pad", "same")));
  inputs.forEach((shape, at) => {
    const last = paths[at].find((one) => typeof one.settings.out === "number");
    found.push(...together(sliding[at]));
    for (const like of inputs) {
      if (String(like) === String(shape)) continue;
      if (last && last.settings.out !== like[0]) found.push(setting(last, "out", like[0]));
      found.push(...onEdge(node, at, shape, like));
    }
  });
  const shrinking = found.filter((one) => !one.words.startsWith("up ")), seen = new Set<string>();
  return [...shrinking, ...together(sliding.flat()), ...found].filter(({ words }) =>
    !seen.has(words) && seen.add(words)
  );
}

/** Several fixes as one. */
function together(fixes: readonly Fix[]): Fix[] {
  if (fixes.length < 2) return [...fixes];
  return [{
    words: fixes.map((one) => one.words).join(", "),
    edit: { kind: "all", edits: fixes.map((one) => one.edit) },
  }];
}

/** The layers of a path from its end up to where it branches off. */
function pathOf(graph: Graph, end: string): Node[] {
  const readers = readersOf(graph), found: Node[] = [];
  for (let name = end;;) {
    const node = graph.nodes.find((one) => one.name === name);
    if (!node || node.inputs.length > 1 || (readers.get(name)?.length ?? 0) > 1) return found;
    found.push(node);
    name = node.inputs[0];
  }
}

function isUnpadded({ op, settings }: Node): boolean {
  return settings.kernel !== undefined && settings.pad !== "same" && Boolean(OPS.get(op)?.declared.some(isSame));
}

/** Whether a setting is a padding that can keep the size. */
function isSame({ kind }: Setting): boolean {
  return kind.match("same") === "same";
}

/** An op on the edge to the merge that gives the path the channels and the size of another one. */
function onEdge(merge: Node, at: number, shape: Shape, like: Shape): Fix[] {
  if (shape.length !== like.length || shape.length < 2) return [];
  const conv = shape[0] === like[0] ? "" : `conv ${like[0]} 1x1`;
  const ratios = shape.slice(1).map((size, axis) => size / like[axis + 1]);
  const steps = (sizes: readonly number[]) => (new Set(sizes).size > 1 ? sizes.join("x") : String(sizes[0]));
  let words = "";
  if (ratios.every((ratio) => ratio === 1)) words = conv;
  else if (ratios.every(Number.isInteger)) words = conv ? `${conv} s${steps(ratios)}` : `maxpool ${steps(ratios)}`;
  else if (ratios.every((ratio) => Number.isInteger(1 / ratio))) {
    words = [`up ${steps(ratios.map((ratio) => 1 / ratio))}`, conv].filter(Boolean).join(", ");
  } else if (!conv && ratios.every((ratio) => ratio >= 1)) words = cropping(shape, like);
  if (!words) return [];
  const where = `before input ${at + 1} of ${merge.name}, which is ${shapeText(shape)}`;
  return [{ words: `${words} ${where}`, edit: { kind: "insertOn", layer: merge.name, input: at, words } }];
}

function cropping(shape: Shape, like: Shape): string {
  const sides = shape.slice(1).map((size, axis) => {
    const over = size - like[axis + 1], lo = Math.floor(over / 2);
    return lo === over - lo ? String(lo) : `${lo}:${over - lo}`;
  });
  return `crop ${sides.join("x")}`;
}
