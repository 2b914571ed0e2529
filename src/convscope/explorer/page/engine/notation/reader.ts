/** From tokens to a syntax tree; a method for each rule of the grammar. */

import { EngineError, FieldError, NotationError } from "../errors.ts";
import type { Op, Settings } from "../ops/op.ts";
import { completed, isKeyword, isMerge, OPS, usage } from "../ops/registry.ts";
import { MAX_INT, parseNumbers } from "../spell.ts";
import { EXAMPLES, NEEDS } from "./examples.ts";
import type { Hint } from "./hints.ts";
import { forOp, forSetting, forValue } from "./hints.ts";
import type { Place, Text, Token } from "./tokens.ts";
import { fail } from "./tokens.ts";
import type { Call, Element, Join, Jump, Repeat, Series, Statement } from "./tree.ts";

export const MAX_DEPTH = 64;

/** Words that end a series. */
const CLOSING = ["output", "named", "as"];

/** A token for an error. */
export function shown(token: Token): string {
  if (token.kind === "end") return "end of the text";
  return token.text === "\n" ? "line break" : `"${shortened(token.text)}"`;
}

function shortened(text: string, most = 60): string {
  if (text.length <= most) return text;
  const first = Math.floor((most - 1) * 2 / 5);
  return `${text.slice(0, first)}…${text.slice(text.length - (most - 1 - first))}`;
}

function isDecimal(text: string): boolean {
  return /^[0-9]+$/.test(text);
}

/** A cursor over the tokens. */
export class Reader {
  at = 0;
  /** A suggestion, given the input shape at a token. */
  hint: { readonly position: number; readonly hint: Hint } | null = null;

  constructor(readonly whole: Text, readonly stream: readonly Token[]) {}

  get now(): Token {
    return this.stream[this.at];
  }

  take(): Token {
    return this.stream[this.at++];
  }

  place(from: Token, to: Token = from): Place {
    return this.whole.place(from.start, to.end);
  }

  fail(message: string, token: Token, expected = "", attempt = ""): NotationError {
    return fail(message, this.place(token), expected, attempt);
  }

  /** Calls `make`, and gives its error a place. */
  located<T>(place: Place, make: () => T): T {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof EngineError) || error instanceof NotationError) throw error;
      throw fail(error.message, place, error.expected, error.attempt);
    }
  }

  expect(kind: Token["kind"], after: string): void {
    if (this.now.kind !== kind) throw this.fail(`unexpected ${shown(this.now)} after ${after}`, this.now, `"${kind}"`);
    this.take();
  }

  skipBreaks(): void {
    while (this.now.kind === "," && this.now.text === "\n") this.take();
  }

  /** The word after a keyword, if the keyword is here; otherwise null. */
  after(word: string): Token | null {
    if (this.now.kind !== "word" || this.now.text !== word) return null;
    this.take();
    if (this.now.kind !== "word") throw this.fail(`unexpected ${shown(this.now)} after "${word}"`, this.now, "a word");
    return this.take();
  }

  /** Statements up to a closing token, which is not consumed. */
  series(depth: number, until: readonly string[]): Series {
    if (depth > MAX_DEPTH) {
      throw this.fail("the parentheses are nested too deeply", this.now, `at most ${MAX_DEPTH} levels`);
    }
    const statements: Statement[] = [];
    for (;;) {
      this.skipBreaks();
      if (this.ends(until)) return statements;
      statements.push(this.statement(depth));
      this.separator(until);
    }
  }

  private ends(until: readonly string[]): boolean {
    if (until.includes(this.now.kind)) return true;
    return this.now.kind === "word" && CLOSING.includes(this.now.text) && until.includes(this.now.text);
  }

  /** Skips line breaks, a comma, or both, unless the series ends here. */
  private separator(until: readonly string[]): void {
    const broken = this.now.text === "\n";
    this.skipBreaks();
    if (this.ends(until) || (broken && this.now.kind !== ",")) return;
    if (this.now.kind !== ",") {
      const marks = [",", ...until].filter((mark) => mark !== "end" && !CLOSING.includes(mark));
      throw this.fail(`unexpected ${shown(this.now)}`, this.now, marks.map((mark) => `"${mark}"`).join(" or "));
    }
    this.take();
  }

  /** `[label:] element {element}`. */
  private statement(depth: number): Statement {
    const start = this.now;
    const label = start.kind === "label" ? this.take().text : "";
    const elements = [this.element(depth)];
    while ((this.now.kind === "word" || this.now.kind === "note") && !CLOSING.includes(this.now.text)) {
      elements.push(this.element(depth));
    }
    return { elements, label, place: this.place(start) };
  }

  private element(depth: number): Element {
    const token = this.take();
    if (token.kind === "note") return this.note(token);
    if (token.kind !== "word") throw this.fail(`unexpected ${shown(token)}`, token, "an op, such as conv 16 3x3");
    if (token.text === "from") return this.jump(token);
    if (this.now.kind === "*") return this.repeat(token, depth);
    if (!isKeyword(token.text)) throw this.unknownOp(token);
    return isMerge(token.text) ? this.join(token, depth) : this.call(token);
  }

  /** `from label`. */
  private jump(token: Token): Jump {
    if (this.now.kind !== "word") throw this.fail("from needs a label", token, "the label of an earlier statement");
    const label = this.take();
    return { kind: "jump", label: label.text, place: this.place(label) };
  }

  /** `n*( series )`. */
  private repeat(token: Token, depth: number): Repeat {
    const times = Number(token.text.slice(0, 12));
    if (!isDecimal(token.text) || times < 1 || times > MAX_INT) {
      throw this.fail(`"${token.text}" is not a count`, token, "an integer from 1");
    }
    this.take();
    this.expect("(", `${token.text}*`);
    const body = this.series(depth + 1, [")", "end"]);
    this.expect(")", "the repeated series");
    if (!body.length) throw this.fail("the repetition is empty", token, "at least one op in the parentheses");
    return { kind: "repeat", times, body, place: this.place(token) };
  }

  /** `merge( series | series )`, settings before the parentheses. */
  private join(token: Token, depth: number): Join {
    const call = this.call(token), name = token.text;
    this.expect("(", name);
    const paths = [this.series(depth + 1, ["|", ")", "end"])];
    while (this.now.kind === "|") {
      this.take();
      paths.push(this.series(depth + 1, ["|", ")", "end"]));
    }
    this.expect(")", `the paths of ${name}`);
    if (paths.length < 2 || !paths.every((path) => path.length)) {
      const expected = `paths separated by |, where id is the identity: ${name}( relu | id )`;
      throw this.fail(`${name} has ${paths.length > 1 ? "an empty path" : "one path"}`, token, expected);
    }
    return { kind: "join", call, paths };
  }

  /** `(3x3x32)x64`: a kernel over 32 channels, 64 times. */
  private note(token: Token): Call {
    const [inside, out] = token.text.replace(/[ \t]/g, "").replace(/^\(/, "").split(")x");
    const place = this.place(token), numbers = this.located(place, () => parseNumbers(inside));
    if (numbers.length < 2) {
      const expected = "(3x3x32)x64: kernel, channels in, channels out";
      throw fail(`${token.text} does not state a kernel`, place, expected);
    }
    const given = { out: this.located(place, () => parseNumbers(out))[0], kernel: numbers.slice(0, -1) };
    return { ...this.call(token, "conv", given), channels: numbers[numbers.length - 1] };
  }

  /** Whether the current word continues the op before it. */
  private isSetting(): boolean {
    const { kind, text } = this.now;
    if (kind !== "word" || isKeyword(text) || text === "from" || CLOSING.includes(text)) return false;
    return this.stream[this.at + 1].kind !== "*";
  }

  /** An op and its settings. */
  private call(token: Token, keyword = token.text, given: Settings = {}): Call {
    const op = OPS.get(keyword), values: Record<string, unknown> = { ...given };
    const start = this.at - 1;
    let last = token;
    while (this.isSetting()) {
      last = this.take();
      if (!op) continue;
      const word = last.text, found = this.located(this.place(last), () => setting(op, word, values, this.rest()));
      if (!found) throw this.unknownWord(op, last, values, start);
      values[found[0]] = found[1];
    }
    this.checkTimes();
    const place = this.place(token, last);
    if (!op) return { kind: "call", op: keyword, settings: {}, text: place.words.replace(/\s+/g, " "), place };
    const missing = op.declared.find((entry) => entry.default === undefined && !(entry.name in values));
    if (missing) {
      const plain = this.now.kind === "(" ? ", without parentheses" : "";
      const expected = `${usage(op)}${plain}, such as ${EXAMPLES[keyword]}`;
      throw fail(`${keyword} needs ${NEEDS[missing.name] ?? `a ${missing.name}`}`, place, expected);
    }
    return { kind: "call", op: keyword, settings: this.located(place, () => completed(op, values)), text: "", place };
  }

  /** Throws for `3*3`, which is neither a size nor a repetition. */
  private checkTimes(): void {
    const [first, times, second] = this.stream.slice(this.at, this.at + 3);
    if (first.kind !== "word" || !isDecimal(first.text) || times?.kind !== "*") return;
    if (second?.kind !== "word" || !isDecimal(second.text)) return;
    const what = `"${first.text}*${second.text}" is neither a size nor a repetition`;
    throw this.fail(what, first, "a size, 3x3, or 3*( … )", `${first.text}x${second.text}`);
  }

  /** The words that follow in the statement. */
  private rest(): string[] {
    const found: string[] = [];
    for (let at = this.at; found.length < 32; at++) {
      const { kind, text } = this.stream[at];
      if (kind !== "word" || isKeyword(text)) break;
      found.push(text);
    }
    return found;
  }

  private unknownWord(op: Op, token: Token, values: Settings, start: number): NotationError {
    const hint = forSetting(op, token.text, values, this.rest());
    this.hint = { position: start, hint };
    const what = `${shown(token)} is neither a setting of ${op.keyword} nor an op`;
    return this.fail(what, token, usage(op), hint(null));
  }

  private unknownOp(token: Token): NotationError {
    if (token.text.toLowerCase() === "input") {
      const expected = "input 28x28x1, then ops; several have names: rgb: input 64x64x3, depth: input 64x64x1";
      return this.fail("inputs come first, in lower case", token, expected);
    }
    if (/^[0-9]/.test(token.text) && this.now.kind !== "(") {
      return this.fail(`${shown(token)} is not an op`, token, "an op; a size is written with x, as 28x28x1");
    }
    const hint = forOp(token.text, this.rest()), attempt = hint(null);
    this.hint = { position: this.at - 1, hint };
    const listed = attempt ? "" : `one of ${[...OPS.keys()].sort().join(", ")}`;
    return this.fail(`there is no op ${shown(token)}`, token, listed, attempt);
  }
}

/** The setting that a word sets, and its value; null if it sets none. */
function setting(op: Op, word: string, values: Settings, rest: readonly string[]): [string, unknown] | null {
  const place = op.declared.find((entry) => !entry.kind.marked && !(entry.name in values));
  for (const entry of [...(place ? [place] : []), ...op.declared.filter((one) => one.kind.marked)]) {
    let value: unknown;
    try {
      value = entry.kind.match(word);
    } catch (error) {
      if (!(error instanceof FieldError)) throw error;
      const expected = `${usage(op)}: ${error.expected}`;
      throw new FieldError(`${op.keyword}: ${error.message}`, expected, forValue(op, word, rest));
    }
    if (value === undefined) continue;
    if (entry.name in values) throw new FieldError(`${op.keyword} has two values for ${entry.name}`, usage(op));
    return [entry.name, value];
  }
  return null;
}
