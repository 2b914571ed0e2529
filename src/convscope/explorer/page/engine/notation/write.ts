/** Writing a net as text: nested if its paths nest, otherwise with labels. */

import { pointwiseIn } from "../derive.ts";
import { opText } from "../fit.ts";
import type { Graph, Node } from "../graph.ts";
import { INPUT } from "../graph.ts";
import { isMerge } from "../ops/registry.ts";
import { shapeText } from "../spell.ts";
import type { Input, Net } from "../types.ts";
import { MAX_DEPTH } from "./reader.ts";
import { quoted } from "./tokens.ts";

/** The most pointwise ops that continue a statement, as in `conv 16 3x3 bn relu`. */
const ATTACHED = 4;

/** The position above several inputs. */
const ROOT = "";

/** The net in the notation: what `parse` reads back as this graph. `known` has the layers that the engine does not name. */
export function write(graph: Graph, known?: Net): string {
  const writer = new Writer(graph, pointwiseIn(graph, known));
  const lone = graph.inputs.length === 1 && graph.inputs[0].name === INPUT;
  return [...graph.inputs.map((one) => inputText(one, !lone)), ...writer.nested() ?? writer.flat()].join(", ");
}

function inputText({ name, shape, kind }: Input, named: boolean): string {
  const words = [named ? `${quoted(name)}:` : "", INPUT, shapeText(shape), kind === "float" ? "" : kind];
  return words.filter(Boolean).join(" ");
}

class TooDeepError extends Error {}

/** Writes statements; a second pass adds labels to nodes that are named by a later `from`. */
class Writer {
  private readonly given: ReadonlySet<string>;
  private readonly root: string;
  private readonly nodes: ReadonlyMap<string, Node>;
  private readonly labelled = new Set<string>();
  private written = new Set<string>();

  constructor(private readonly graph: Graph, private readonly attached: ReadonlySet<string>) {
    this.given = new Set(graph.inputs.map((one) => one.name));
    this.root = graph.inputs.length === 1 ? graph.inputs[0].name : ROOT;
    this.nodes = new Map(graph.nodes.map((node) => [node.name, node]));
    const counts = new Map<string, number>();
    for (const { name, op } of graph.nodes) {
      const count = (counts.get(op) ?? 0) + 1;
      counts.set(op, count);
      if (name !== `${op}${count}`) this.labelled.add(name);
    }
  }

  /** Whether the net returns just its last layer, which is implicit. */
  private get plain(): boolean {
    const { outputs, nodes } = this.graph, last = nodes[nodes.length - 1]?.name;
    return outputs.length === 1 && outputs[0].layer === last && outputs[0].name === "output";
  }

  /** Paths inside their merges; null if the order of the nodes does not allow it. */
  nested(): string[] | null {
    const ends = this.graph.outputs.map((one) => one.layer);
    const above = this.dominators(ends);
    let body: string[] = [];
    try {
      for (let pass = 0; pass < 2; pass++) { // the first pass finds out which nodes need a label
        this.written = new Set();
        const start = this.plain ? ends[0] : above.get(END) as string;
        body = start === this.root ? [] : this.path(start, this.root, above);
        const said = (end: string) => this.path(end, start, above, 1).join(", ") || "id";
        if (!this.plain) body = [...body, `output ${this.returned(said)}`];
      }
    } catch (error) {
      if (error instanceof TooDeepError) return null;
      throw error;
    }
    const order = [...this.written], names = [...this.nodes.keys()];
    return order.length === names.length && order.every((name, at) => name === names[at]) ? body : null;
  }

  /** The statements from after `start` up to `end`. */
  private path(end: string, start: string, above: ReadonlyMap<string, string>, depth = 0): string[] {
    if (depth > MAX_DEPTH) throw new TooDeepError();
    const chain: string[] = [];
    let at = end;
    while (at !== start && !this.written.has(at) && !this.given.has(at)) {
      chain.push(at);
      at = above.get(at) as string;
    }
    const statements = new Statements();
    if (at !== start) statements.add(this.mention(at));
    for (const name of chain.reverse()) this.node(name, statements, above, depth);
    return statements.done;
  }

  /** A node after the paths that it merges. */
  private node(name: string, statements: Statements, above: ReadonlyMap<string, string>, depth: number): void {
    const node = this.nodes.get(name) as Node;
    let text = opText(node);
    if (isMerge(node.op)) {
      const paths = node.inputs.map((end) => {
        const found = this.path(end, above.get(name) as string, above, depth + 1);
        return found.length ? found.join(", ") : "id";
      });
      text = `${text}( ${paths.join(" | ")} )`;
    }
    this.written.add(name);
    const alone = text === "id" && !statements.done.length;
    statements.add(text, this.labelled.has(name) || alone ? name : "", this.attached.has(name));
  }

  private mention(name: string): string {
    if (!this.given.has(name)) this.labelled.add(name);
    return `from ${quoted(name)}`;
  }

  /** Every node as a statement of its own, in order. */
  flat(): string[] {
    const statements: string[] = [];
    let before = this.graph.inputs[0].name;
    for (const node of this.graph.nodes) {
      let text = opText(node);
      if (isMerge(node.op)) text = `${text}( ${node.inputs.map((name) => this.mention(name)).join(" | ")} )`;
      else if (node.inputs[0] !== before) statements.push(this.mention(node.inputs[0]));
      statements.push(`${quoted(node.name)}: ${text}`);
      before = node.name;
    }
    if (!this.plain) statements.push(`output ${this.returned((end) => this.mention(end))}`);
    return statements;
  }

  /** The outputs: one as it is, several by their names. */
  private returned(said: (end: string) => string): string {
    const { outputs } = this.graph;
    if (outputs.length === 1) {
      const [{ name, layer }] = outputs, text = said(layer).replace(/^id /, "");
      return name === "output" ? text : `${text} named ${quoted(name)}`;
    }
    const numbered = outputs.every(({ name }, at) => name === String(at));
    const entries = outputs.map(({ name, layer }) => (numbered ? said(layer) : `${quoted(name)}: ${said(layer)}`));
    return `${numbered ? "tuple" : "dict"}( ${entries.join(" | ")} )`;
  }

  /** The immediate dominator of each node (Cooper, Harvey and Kennedy 2001), and of a virtual reader of all outputs. */
  private dominators(ends: readonly string[]): Map<string, string> {
    const above = new Map<string, string>(), depth = new Map([[this.root, 0]]);
    for (const name of this.given) {
      if (name === this.root) continue;
      above.set(name, this.root);
      depth.set(name, 1);
    }
    const nodes = this.graph.nodes.map(({ name, inputs }): [string, readonly string[]] => [name, inputs]);
    for (const [name, inputs] of [...nodes, [END, ends] as const]) {
      let nearest = inputs[0];
      for (let other of inputs.slice(1)) {
        while (nearest !== other) {
          const deep = (depth.get(nearest) as number) < (depth.get(other) as number);
          if (deep) other = above.get(other) as string;
          else nearest = above.get(nearest) as string;
        }
      }
      above.set(name, nearest);
      depth.set(name, (depth.get(nearest) as number) + 1);
    }
    return above;
  }
}

/** The name of the virtual reader of all outputs, which no layer has. */
const END = "\u0000end";

/** Statements of a path; small ops attach to the previous one. */
class Statements {
  readonly done: string[] = [];
  private open = 0;

  add(text: string, label = "", attach = false): void {
    if (attach && this.open && !label) {
      this.done[this.done.length - 1] += ` ${text}`;
      this.open--;
      return;
    }
    this.done.push(label ? `${quoted(label)}: ${text}` : text);
    this.open = label || text.startsWith("from ") ? 0 : ATTACHED;
  }
}
