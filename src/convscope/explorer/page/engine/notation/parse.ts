/** From a text in the notation to a graph. */

import { derive } from "../derive.ts";
import { EngineError, NotationError } from "../errors.ts";
import type { Graph, Node } from "../graph.ts";
import { INPUT } from "../graph.ts";
import { shapeOf } from "../spell.ts";
import type { Input, Output, Shape } from "../types.ts";
import { before } from "./before.ts";
import { nearest } from "./nearest.ts";
import { MAX_DEPTH, Reader, shown } from "./reader.ts";
import { fail, Text, tokensOf } from "./tokens.ts";
import type { Call, Element, Join, Jump, Repeat, Result, Series, Statement, Tree } from "./tree.ts";

const KINDS = ["float", "int", "bool"] as const;
const SEVERAL = ["tuple", "list", "dict"];

/** The most layers of a net. */
const MOST = 100_000;

/**
 * The graph that a text describes. Throws NotationError with line, column and what was expected; suggestions name sizes
 * and channels of the text if it is `measured`.
 */
export function parse(text: string, measured = true): Graph {
  const whole = new Text(text), reader = new Reader(whole, tokensOf(whole));
  try {
    return new Builder(tree(reader), reader).graph();
  } catch (error) {
    if (!(error instanceof NotationError) || !reader.hint || !measured) throw error;
    error.attempt = reader.hint.hint(shapeAt(reader, reader.hint.position));
    throw error;
  }
}

/** The input shape at a token; null if it is unknown. */
function shapeAt({ whole, stream }: Reader, position: number): Shape | null {
  const kept = [...before(stream, position), stream[stream.length - 1]], reader = new Reader(whole, kept);
  try {
    const found = tree(reader, true);
    if (!found.series.length) return found.inputs[0]?.shape ?? null;
    const { layers } = derive(new Builder(found, reader).graph());
    return layers[layers.length - 1].out;
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}

function tree(reader: Reader, empty = false): Tree {
  const inputs = inputsOf(reader);
  const series = reader.series(0, ["end", "output"]);
  const results = reader.now.kind === "end" ? [] : outputOf(reader);
  if (!series.length && !results.length && !empty) {
    throw reader.fail("the net has no layers", reader.now, "an op, such as conv 16 3x3");
  }
  return { inputs, series, results };
}

/** The leading statements `input 28x28x1`. */
function inputsOf(reader: Reader): Input[] {
  const found: Input[] = [];
  reader.skipBreaks();
  for (;;) {
    const { kind } = reader.now, word = kind === "label" ? reader.stream[reader.at + 1] : reader.now;
    if ((kind !== "word" && kind !== "label") || word.text !== INPUT) return found;
    const name = kind === "label" ? reader.take() : reader.now;
    if (found.some((one) => one.name === name.text)) {
      throw reader.fail(`two inputs are called "${name.text}"`, name, "rgb: input 64x64x3, depth: …");
    }
    found.push(inputOf(reader, name.text));
    reader.skipBreaks();
  }
}

function inputOf(reader: Reader, name: string): Input {
  const start = reader.take();
  if (reader.now.kind !== "word") throw reader.fail("input has no size", start, "a size, such as input 28x28x1");
  const size = reader.take(), shape = reader.located(reader.place(size), () => shapeOf(size.text));
  const kind = KINDS.find((one) => reader.now.kind === "word" && reader.now.text === one);
  if (kind) reader.take();
  reader.after("as");
  const next: string = reader.now.kind;
  if (next !== "," && next !== "end") {
    throw reader.fail(`unexpected ${shown(reader.now)} after the size of the input`, reader.now, '","');
  }
  if (next === ",") reader.take();
  return { name, shape, kind: kind ?? KINDS[0] };
}

/** The final statement `output …`. */
function outputOf(reader: Reader): Result[] {
  reader.take();
  const found = resultsOf(reader, []);
  reader.skipBreaks();
  if (reader.now.kind !== "end") {
    throw reader.fail(`unexpected ${shown(reader.now)} after the output`, reader.now, "the end of the text");
  }
  return found;
}

/** One tensor, or a container of several. */
function resultsOf(reader: Reader, path: readonly string[]): Result[] {
  const start = reader.now;
  if (SEVERAL.includes(start.text) && reader.stream[reader.at + 1]?.kind === "(") return together(reader, path);
  const series = reader.series(1, ["|", ")", "end", "named", "as"]);
  const title = reader.after("named")?.text;
  reader.after("as");
  if (reader.now === start) throw reader.fail("output names no tensor", start, "output from head");
  return [{ series, name: title ?? (path.join(".") || "output") }];
}

/** `tuple( result | result )` and so on. */
function together(reader: Reader, path: readonly string[]): Result[] {
  const kind = reader.take();
  if (path.length > MAX_DEPTH) {
    throw reader.fail("the parentheses are nested too deeply", kind, `at most ${MAX_DEPTH} levels`);
  }
  reader.take();
  const found: Result[] = [];
  for (let number = 0;; number++) {
    reader.skipBreaks();
    if (kind.text === "dict" && reader.now.kind !== "label") {
      throw reader.fail(`unexpected ${shown(reader.now)}`, reader.now, "a key, such as boxes: from a");
    }
    const step = kind.text === "dict" ? reader.take().text : String(number);
    found.push(...resultsOf(reader, [...path, step]));
    if (reader.now.kind !== "|") break;
    reader.take();
  }
  reader.expect(")", `the entries of ${kind.text}`);
  return found;
}

/** A node without its name; inputs are positions, -1 is the first input of the net, -2 the second. */
interface Draft {
  readonly call: Call;
  readonly inputs: readonly number[];
  readonly auto: string;
  label: string;
}

/** Emits drafts in the order of the text; each method returns the position of its value. */
class Builder {
  private readonly drafts: Draft[] = [];
  private readonly counts = new Map<string, number>();
  private readonly labels = new Map<string, number>();
  private readonly autos = new Map<string, number>();

  constructor(private readonly tree: Tree, private readonly reader: Reader) {
    const start = reader.place(reader.stream[0]);
    if (!tree.inputs.length) throw fail("the net has no input size", start, "input 28x28x1 as the first statement");
    tree.inputs.forEach((one, at) => this.labels.set(one.name, -1 - at));
  }

  graph(): Graph {
    const { inputs, series, results } = this.tree;
    const value = this.series(series, -1);
    const ends = results.map((result) => (passes(result.series) ? value : this.series(result.series, value)));
    const end = this.reader.stream[this.reader.stream.length - 1];
    if (!results.length && value !== this.drafts.length - 1) {
      const expected = "a layer at the end, since the last layer is the output";
      throw fail("the text ends in a jump", this.reader.place(end), expected);
    }
    if (!this.drafts.length) throw fail("the net has no layers", this.reader.place(end), "an op, such as conv 16 3x3");
    const nodes = this.drafts.map((draft, at) => this.node(draft, at));
    const outputs: Output[] = results.length
      ? results.map(({ name }, at) => ({ name, layer: this.name(ends[at]) }))
      : [{ name: "output", layer: this.name(value) }];
    return { inputs, nodes, outputs };
  }

  private name(position: number): string {
    if (position < 0) return this.tree.inputs[-1 - position].name;
    return this.drafts[position].label || this.drafts[position].auto;
  }

  private node({ call, inputs, auto, label }: Draft, at: number): Node {
    const taken = this.labels.get(auto);
    if (!label && taken !== undefined && taken !== at) {
      const place = taken < 0 ? call.place : this.drafts[taken].call.place;
      throw fail(`the label "${auto}" is already the name of another layer`, place, "another label");
    }
    const { op, settings, text, place, channels } = call;
    const origin = { line: place.line, column: place.column, words: place.words };
    const extra = { ...(text && { text }), ...(channels !== undefined && { channels }), origin };
    return { name: label || auto, op, settings, inputs: inputs.map((one) => this.name(one)), ...extra };
  }

  private emit(call: Call, inputs: readonly number[]): number {
    if (this.drafts.length >= MOST) throw fail(`the net has more than ${MOST} layers`, call.place, "fewer repetitions");
    const count = (this.counts.get(call.op) ?? 0) + 1, auto = `${call.op}${count}`;
    this.counts.set(call.op, count);
    this.autos.set(auto, this.drafts.length);
    return this.drafts.push({ call, inputs, auto, label: "" }) - 1;
  }

  private series(series: Series, value: number): number {
    return series.reduce((found, statement) => this.statement(statement, found), value);
  }

  private statement(statement: Statement, value: number): number {
    const before = this.drafts.length;
    const found = statement.elements.reduce((last, element) => this.element(element, last), value);
    if (statement.label) this.labelled(statement, found, before);
    return found;
  }

  private labelled({ label, place }: Statement, value: number, before: number): void {
    if (this.labels.has(label)) {
      throw fail(`the label "${label}" is used twice`, place, "unique labels, none of them inside a repetition");
    }
    if (value < before) throw fail(`the label "${label}" names no layer`, place, "an op in the statement");
    this.labels.set(label, value);
    this.autos.delete(this.drafts[value].auto);
    this.drafts[value].label = label;
  }

  private element(element: Element, value: number): number {
    if (element.kind === "call") return this.emit(element, [value]);
    if (element.kind === "join") return this.join(element, value);
    return element.kind === "repeat" ? this.repeat(element, value) : this.jump(element);
  }

  private join({ call, paths }: Join, value: number): number {
    return this.emit(call, paths.map((path) => (passes(path) ? value : this.series(path, value))));
  }

  private repeat({ times, body, place }: Repeat, value: number): number {
    let found = value;
    for (let turn = 0; turn < times; turn++) {
      const before = this.drafts.length;
      found = this.series(body, found);
      if (this.drafts.length === before) {
        throw fail("the repetition contains no layer", place, "an op in the parentheses");
      }
    }
    return found;
  }

  private jump({ label, place }: Jump): number {
    const found = this.labels.get(label) ?? this.autos.get(label);
    if (found !== undefined) return found;
    const attempt = nearest(label, [...this.labels.keys(), ...this.autos.keys()]);
    throw fail(
      `there is no earlier statement labelled "${label}"`,
      place,
      "a label defined before this point",
      attempt,
    );
  }
}

/** Whether a path is just `id`, which adds no layer. */
function passes(path: Series): boolean {
  const [statement, ...others] = path;
  if (others.length || !statement || statement.label || statement.elements.length !== 1) return false;
  const [element] = statement.elements;
  return element.kind === "call" && element.op === "id";
}
