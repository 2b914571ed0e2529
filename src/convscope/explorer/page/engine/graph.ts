/** Graphs of ops, before any shape is known. */

import { UnknownNameError } from "./errors.ts";
import type { Settings } from "./ops/op.ts";
import type { Input, Net, Output } from "./types.ts";

/** The name by which nodes refer to a net's only input. */
export const INPUT = "input";

/** An op with the names of its inputs, which are earlier nodes or inputs of the net. */
export interface Node {
  readonly name: string;
  readonly op: string;
  readonly settings: Settings;
  readonly inputs: readonly string[];
  /** The words of an op that the engine does not name. */
  readonly text?: string;
  /** The number of input channels that the user's text states. */
  readonly channels?: number;
  /** Where the user's text has it. */
  readonly origin?: { readonly line: number; readonly column: number; readonly words: string };
}

/** Nodes in topological order. Every function that changes a graph returns a new one. */
export interface Graph {
  readonly inputs: readonly Input[];
  readonly nodes: readonly Node[];
  readonly outputs: readonly Output[];
}

/** The graph of a document's net. */
export function graphOf(net: Pick<Net, "inputs" | "layers" | "outputs">): Graph {
  return {
    inputs: net.inputs,
    nodes: net.layers.map(({ name, op, settings, inputs, text }) => ({ name, op, settings, inputs, text })),
    outputs: net.outputs,
  };
}

/** The node of a name. */
export function nodeOf(graph: Graph, name: string): Node {
  const found = graph.nodes.find((node) => node.name === name);
  if (!found) throw new UnknownNameError(`no layer is called "${name}"`);
  return found;
}

/** The layers that read each layer or input, in order. */
export function readersOf(graph: Graph): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const node of graph.nodes) {
    for (const name of new Set(node.inputs)) {
      const mine = found.get(name);
      if (mine) mine.push(node.name);
      else found.set(name, [node.name]);
    }
  }
  return found;
}

/** The names of layers and inputs on which one of some layers depends, themselves included. */
export function behind(graph: Graph, names: Iterable<string>): Set<string> {
  const needed = new Set(names);
  for (const node of [...graph.nodes].reverse()) {
    if (needed.has(node.name)) node.inputs.forEach((name) => needed.add(name));
  }
  return needed;
}
