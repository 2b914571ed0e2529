/** Edits of a graph, as data. Each is pure: it returns a new graph, and what is not touched stays the same object. */

import { derive } from "./derive.ts";
import { EngineError, NotationError, UnknownNameError } from "./errors.ts";
import type { Graph, Node } from "./graph.ts";
import { behind, nodeOf } from "./graph.ts";
import { parse } from "./notation/parse.ts";
import { completed, isKeyword, OPS } from "./ops/registry.ts";
import { shapeText } from "./spell.ts";
import type { Shape } from "./types.ts";

export type Edit =
  | { readonly kind: "set"; readonly layer: string; readonly field: string; readonly value: unknown }
  | { readonly kind: "replace"; readonly layer: string; readonly words: string }
  | { readonly kind: "insert"; readonly after: string; readonly words: string }
  | { readonly kind: "insertOn"; readonly layer: string; readonly input: number; readonly words: string }
  | { readonly kind: "remove"; readonly layer: string; readonly keep?: number }
  | { readonly kind: "move"; readonly layer: string; readonly after: string }
  | { readonly kind: "rename"; readonly layer: string; readonly to: string }
  | { readonly kind: "all"; readonly edits: readonly Edit[] };

/** The graph after an edit. Throws EngineError where it cannot be made. */
export function apply(graph: Graph, edit: Edit): Graph {
  switch (edit.kind) {
    case "set":
      return setField(graph, edit.layer, edit.field, edit.value);
    case "replace":
      return replace(graph, edit.layer, edit.words);
    case "insert":
      return insert(graph, edit.after, edit.words);
    case "insertOn":
      return insertOn(graph, edit.layer, edit.input, edit.words);
    case "remove":
      return remove(graph, edit.layer, edit.keep);
    case "move":
      return move(graph, edit.layer, edit.after);
    case "rename":
      return rename(graph, edit.layer, edit.to);
    case "all":
      return edit.edits.reduce(apply, graph);
  }
}

/** Sets a setting of a layer, in the form of the document: `[[1, 1], [1, 1]]` for a padding, `[2]` for every axis. */
export function setField(graph: Graph, layer: string, field: string, value: unknown): Graph {
  const node = nodeOf(graph, layer), op = OPS.get(node.op), entry = op?.declared.find((one) => one.name === field);
  if (!op || !entry) throw new UnknownNameError(`${node.op} has no setting "${field}"`);
  entry.kind.validate(field, value);
  // a stride that follows the kernel goes on doing so
  const like = op.declared.filter((one) =>
    one.kind.like === field && String(node.settings[one.name]) === String(node.settings[field])
  );
  const followed = Object.fromEntries(like.map((one) => [one.name, []]));
  return withNode(graph, { ...bare(node), settings: completed(op, { ...node.settings, ...followed, [field]: value }) });
}

/** Replaces the op of a layer by the words of another one, which takes as many inputs. */
export function replace(graph: Graph, layer: string, words: string): Graph {
  const node = nodeOf(graph, layer), merges = node.inputs.length > 1;
  const paths = merges && !words.includes("(") ? `${words}( ${node.inputs.map(() => "id").join(" | ")} )` : words;
  const [made, ...more] = opsOf(graph, paths, node.inputs[0]);
  if (!made || more.length || made.inputs.length !== node.inputs.length) {
    throw new EngineError(`"${words}" is not one op of ${node.inputs.length} input${merges ? "s" : ""}`);
  }
  return withNode(graph, { ...bare(node), op: made.op, settings: made.settings, text: made.text });
}

/** Inserts ops after a layer or an input; all that read it read the last of them. */
export function insert(graph: Graph, after: string, words: string): Graph {
  const at = placeAfter(graph, after), made = named(graph, words, after), last = made[made.length - 1].name;
  const rewired = rewire(graph, after, last);
  return { ...rewired, nodes: [...rewired.nodes.slice(0, at), ...made, ...rewired.nodes.slice(at)] };
}

/** Inserts ops on one input of a layer; what else reads there stays as it is. */
export function insertOn(graph: Graph, layer: string, input: number, words: string): Graph {
  const node = nodeOf(graph, layer), before = node.inputs[input];
  if (before === undefined) throw new UnknownNameError(`${layer} has no input ${input}`);
  const made = named(graph, words, before), last = made[made.length - 1].name;
  const inputs = node.inputs.map((name, at) => (at === input ? last : name));
  return {
    ...graph,
    nodes: graph.nodes.flatMap((one) => (one === node ? [...made, { ...node, inputs }] : [one])),
  };
}

/** Removes a layer; what read it reads its input instead, of a merge the input `keep`. */
export function remove(graph: Graph, layer: string, keep = 0): Graph {
  const node = nodeOf(graph, layer);
  if (graph.nodes.length === 1) {
    throw new EngineError("the last layer cannot be removed", "a net of one layer at least");
  }
  if (node.inputs[keep] === undefined) throw new UnknownNameError(`${layer} has no input ${keep}`);
  const before = behind(graph, graph.outputs.map((one) => one.layer));
  const rewired = rewire(graph, layer, node.inputs[keep]);
  const live = behind(rewired, rewired.outputs.map((one) => one.layer));
  // paths that only this layer read go with it
  const nodes = rewired.nodes.filter((one) => one.name !== layer && (live.has(one.name) || !before.has(one.name)));
  if (!nodes.length) throw new EngineError("the last layer cannot be removed", "a net of one layer at least");
  return { ...rewired, nodes };
}

/** Moves a layer of one input behind another layer. */
export function move(graph: Graph, layer: string, after: string): Graph {
  const node = nodeOf(graph, layer);
  if (node.inputs.length > 1) throw new EngineError(`${layer} joins paths and cannot be moved`);
  if (layer === after || node.inputs[0] === after) return graph;
  const without = remove(graph, layer), at = placeAfter(without, after), rewired = rewire(without, after, layer);
  const moved = { ...bare(node), inputs: [after] };
  return { ...rewired, nodes: [...rewired.nodes.slice(0, at), moved, ...rewired.nodes.slice(at)] };
}

/** Gives a layer another name. */
export function rename(graph: Graph, layer: string, to: string): Graph {
  const node = nodeOf(graph, layer);
  if (layer === to) return graph;
  if (!to) throw new EngineError("the name is empty");
  if (taken(graph).has(to)) throw new EngineError(`the name "${to}" is taken`, "a name that no other layer has");
  return withNode(rewire(graph, layer, to), { ...node, name: to }, layer);
}

/** A graph with the names that the notation gives by itself, and the new name of each layer that had such a name. */
export function renumbered(graph: Graph): { readonly graph: Graph; readonly names: ReadonlyMap<string, string> } {
  const isOwn = ({ name }: Node) => !/^[a-z0-9_]*[a-z_][0-9]+$/.test(name) || !isKeyword(name.replace(/[0-9]+$/, ""));
  const kept = new Set([...graph.inputs.map((one) => one.name), ...graph.nodes.filter(isOwn).map((one) => one.name)]);
  const counts = new Map<string, number>(), names = new Map<string, string>();
  for (const node of graph.nodes) {
    const count = (counts.get(node.op) ?? 0) + 1, auto = `${node.op}${count}`;
    counts.set(node.op, count);
    names.set(node.name, isOwn(node) || kept.has(auto) ? node.name : auto);
  }
  if (new Set(names.values()).size < names.size) {
    return { graph, names: new Map(graph.nodes.map(({ name }) => [name, name])) };
  }
  const of = (name: string) => names.get(name) ?? name;
  const nodes = graph.nodes.map((node) => ({ ...node, name: of(node.name), inputs: node.inputs.map(of) }));
  return { graph: { ...graph, nodes, outputs: graph.outputs.map((one) => ({ ...one, layer: of(one.layer) })) }, names };
}

/** A node without what the user's text says of it. */
function bare({ name, op, settings, inputs, text }: Node): Node {
  return text === undefined || OPS.has(op) ? { name, op, settings, inputs } : { name, op, settings, inputs, text };
}

function withNode(graph: Graph, node: Node, name = node.name): Graph {
  return { ...graph, nodes: graph.nodes.map((one) => (one.name === name ? node : one)) };
}

/** All readers and outputs of a layer become those of another one. */
function rewire(graph: Graph, from: string, to: string): Graph {
  const turned = (name: string) => (name === from ? to : name);
  const nodes = graph.nodes.map((node) => {
    return node.inputs.includes(from) ? { ...node, inputs: node.inputs.map(turned) } : node;
  });
  return { ...graph, nodes, outputs: graph.outputs.map((one) => ({ ...one, layer: turned(one.layer) })) };
}

/** Where a node goes that reads a layer or an input. */
function placeAfter(graph: Graph, after: string): number {
  if (graph.inputs.some((one) => one.name === after)) return 0;
  return graph.nodes.indexOf(nodeOf(graph, after)) + 1;
}

function taken(graph: Graph): Set<string> {
  return new Set([...graph.inputs, ...graph.nodes].map((one) => one.name));
}

/** Ops of a text, which go after a layer or an input: the words of a net, without its input. */
function opsOf(graph: Graph, words: string, after: string): readonly Node[] {
  try {
    return parse(`input 1x1x1, ${words}`).nodes;
  } catch (error) {
    if (!(error instanceof NotationError)) throw error;
    throw placed(words, shapeAfter(graph, after)) ?? error;
  }
}

/** The error of some words, with its place in them, and suggestions for an input of that shape. */
function placed(words: string, shape: Shape | null): NotationError | null {
  const before = `input ${shapeText(shape ?? [1])}, `;
  try {
    parse(before + words, shape !== null);
  } catch (error) {
    if (!(error instanceof NotationError)) return null;
    const column = error.line === 1 ? Math.max(1, error.column - before.length) : error.column;
    return new NotationError(error.message, error.line, column, error.words, error.expected, error.attempt);
  }
  return null;
}

function shapeAfter(graph: Graph, name: string): Shape | null {
  return derive(graph).layers.find((layer) => layer.name === name)?.out ??
    graph.inputs.find((one) => one.name === name)?.shape ?? null;
}

/** New nodes of a text, with names that nothing has; the first ones read `before`. */
function named(graph: Graph, words: string, before: string): Node[] {
  const used = taken(graph), names = new Map([["input", before]]);
  const made = opsOf(graph, words, before).map((node) => {
    let name = node.name;
    for (let count = 1; used.has(name); count++) name = `${node.op}${count}`;
    used.add(name);
    const inputs = node.inputs.map((input) => names.get(input) ?? input);
    names.set(node.name, name);
    return { ...bare(node), name, inputs };
  });
  if (!made.length) throw new EngineError("there is no op to insert", "an op, such as conv 16 3x3");
  return made;
}
