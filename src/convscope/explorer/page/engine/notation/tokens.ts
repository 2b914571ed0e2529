/** From a text to words, marks and labels, each with its place. */

import { NotationError } from "../errors.ts";

const MAX_BYTES = 2 ** 20;
const MAX_WORD = 200;

export type TokenKind = "word" | "label" | "note" | "end" | "," | "(" | ")" | "|" | "*";

/** A word, mark or label; line breaks are one comma. */
export interface Token {
  readonly kind: TokenKind;
  /** For a label its name, for a quoted word its content. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A place in the text, counted from 1, and the words there. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly words: string;
}

const TOKEN = new RegExp(
  [
    String.raw`(?<skip>[ \t\r]+|#[^\n]*)`,
    String.raw`(?<quoted>"(?:[^"\\\n]|\\.)*"(?:[ \t]*:(?=[ \t\n\r\f\v(]|$))?)`,
    String.raw`(?<note>\([ \t]*[0-9]+(?:x[0-9]+)*[ \t]*\)[ \t]*x[ \t]*[0-9]+)`,
    String.raw`(?<newline>\n(?:[ \t\r]*(?:#[^\n]*)?\n)*)`,
    String.raw`(?<label>[A-Za-z0-9_][\w.\-]*[ \t]*:(?=[ \t\n\r\f\v(]|$))`,
    String.raw`(?<word>-?[A-Za-z0-9_.][\w.\-:=]*)`,
    String.raw`(?<mark>[(),|*])`,
  ].join("|"),
  "y",
);

/** A name that needs no quotes. */
const PLAIN = /^[A-Za-z0-9_][\w.\-]*$/;

/** Control and formatting characters, with which a text is not what it seems. */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}]/u;

/** A text, with the places of its words. */
export class Text {
  readonly text: string;
  private readonly starts: readonly number[];
  /** Whether some character takes two places of the text. */
  private readonly pairs: boolean;

  constructor(text: string) {
    this.text = text.replace(/(?<=[0-9)])×(?=[0-9])/g, "x");
    const starts = [0];
    for (let at = 0; at < this.text.length; at++) if (this.text[at] === "\n") starts.push(at + 1);
    this.starts = starts;
    this.pairs = /[\ud800-\udfff]/.test(this.text);
  }

  place(start: number, end: number): Place {
    let low = 0, high = this.starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.starts[middle] <= start) low = middle;
      else high = middle;
    }
    const before = this.pairs ? [...this.text.slice(this.starts[low], start)].length : start - this.starts[low];
    const column = before + 1;
    return { line: low + 1, column, words: this.text.slice(start, end).trim() };
  }
}

/** An error at a place. */
export function fail(message: string, place: Place, expected = "", attempt = ""): NotationError {
  return new NotationError(message, place.line, place.column, place.words, expected, attempt);
}

/** Splits a text into tokens, with an `end` as the last one. */
export function tokensOf(whole: Text): Token[] {
  const { text } = whole, found: Token[] = [];
  if (new TextEncoder().encode(text).length > MAX_BYTES) {
    throw fail(`the text has ${[...text].length} characters`, whole.place(0, 0), "at most 1 MiB");
  }
  for (let at = 0; at < text.length;) {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    const kind = groups && Object.keys(groups).find((name) => groups[name] !== undefined);
    const words = groups && kind ? groups[kind] : String.fromCodePoint(text.codePointAt(at) ?? 0);
    const hidden = [...words].find((char) => !"\t\r\n".includes(char) && HIDDEN.test(char));
    if (!kind || hidden) throw stray(whole, at, hidden ?? words);
    if (kind !== "skip") found.push(made(whole, kind, words, at));
    at += words.length;
  }
  found.push({ kind: "end", text: "", start: text.length, end: text.length });
  return found;
}

function made(whole: Text, kind: string, words: string, start: number): Token {
  const end = start + words.length, label = words.replace(/[: \t]+$/, "");
  if (kind === "newline") return { kind: ",", text: "\n", start, end };
  if (kind === "mark") return { kind: words as TokenKind, text: words, start, end };
  if (kind === "quoted") {
    const name = unquoted(label, whole, start, end);
    return { kind: words.endsWith('"') ? "word" : "label", text: name, start, end };
  }
  if (words.length > MAX_WORD) {
    const expected = `at most ${MAX_WORD} characters, or quotes around a name`;
    throw fail(`a word has ${words.length} characters`, whole.place(start, end), expected);
  }
  return { kind: kind as TokenKind, text: kind === "label" ? label : words, start, end };
}

function unquoted(words: string, whole: Text, start: number, end: number): string {
  let name: string;
  try {
    name = JSON.parse(words);
  } catch {
    const expected = 'escapes as in JSON: \\", \\\\, \\n, \\u00e9';
    throw fail("the name in quotes cannot be read", whole.place(start, end), expected);
  }
  if (!name) throw fail("the name in quotes is empty", whole.place(start, end));
  return name;
}

function stray(whole: Text, at: number, char: string): NotationError {
  const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  const shown = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(char) ? `U+${code}` : `"${char}"`;
  const hint = char === "=" ? 'settings without "=": conv 16 3x3 s2 p1 nobias' : "";
  const usual = "ops and settings of letters and digits, with a comma or line break between statements";
  return fail(`the character ${shown} is not part of the notation`, whole.place(at, at + 1), hint || usual);
}

/** A name for the notation, in quotes with JSON escapes if it is not a short plain word. */
export function quoted(name: string): string {
  if (PLAIN.test(name) && name.length < MAX_WORD) return name;
  const plain = [...name].map((char) => {
    if (char === '"' || char === "\\") return `\\${char}`;
    return HIDDEN.test(char) || /[\p{Zl}\p{Zp}]/u.test(char) ? escaped(char) : char;
  });
  return `"${plain.join("")}"`;
}

function escaped(char: string): string {
  const short: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f" };
  const units = Array.from({ length: char.length }, (_, at) => char.charCodeAt(at).toString(16).padStart(4, "0"));
  return short[char] ?? units.map((unit) => `\\u${unit}`).join("");
}
