/** Kinds of settings: how they are written in the notation, checked, and spread over the spatial axes. */

import { FieldError, ShapeError } from "./errors.ts";
import { pythonFloat } from "./numbers.ts";
import type { Shape } from "./types.ts";

export type Pair = readonly [number, number];
export type Pads = readonly Pair[] | "same";

export const MAX_INT = 2 ** 31;

/** A kind of setting. Values are those of the document: numbers, booleans, words, lists of numbers or of pairs. */
export interface Kind {
  /** Whether its words begin with a letter; an unmarked kind is identified by its position. */
  readonly marked: boolean;
  /** The setting whose value is the default of this one. */
  readonly like?: string;
  /** The value of a word; undefined if the word is not this setting's. */
  match(word: string): unknown;
  /** The word for a value. */
  word(value: unknown): string;
  /** Throws FieldError unless the value is valid. */
  validate(name: string, value: unknown): void;
  /** The value with one entry for each of `rank` spatial axes, if the kind has entries. */
  spread(name: string, value: unknown, rank: number): unknown;
  /** The word for documentation, such as `sN`. */
  usage(name: string): string;
}

/** A declared setting of an op. Without a default it is required. */
export interface Setting {
  readonly name: string;
  readonly kind: Kind;
  readonly default?: unknown;
}

const keep = (_: string, value: unknown) => value;

/** The numbers of `3x3`. */
export function parseNumbers(text: string): number[] {
  if (!/^[0-9]+(x[0-9]+)*$/.test(text) || text.length > 200) {
    throw new FieldError(`"${text.slice(0, 40)}" is not a size`, "integers separated by x, such as 3x3");
  }
  const numbers = text.split("x").map(Number);
  const most = Math.max(...numbers);
  if (most > MAX_INT) {
    const exact = text.split("x").map(BigInt).reduce((a, b) => (a > b ? a : b));
    throw new FieldError(`${exact} is too large`, "at most 2,147,483,648");
  }
  return numbers;
}

/** A tensor's shape `c h w` as people write it: `HxWxC`. */
export function shapeText(shape: Shape): string {
  return [...shape.slice(1), shape[0]].join("x");
}

/** The shape `c h w` of `HxWxC`. */
export function shapeOf(text: string): number[] {
  const numbers = parseNumbers(text);
  if (Math.min(...numbers) < 1) {
    throw new FieldError(`${text} has an axis of length 0`, "at least 1 along every axis");
  }
  if (numbers.length > 4) {
    const what = `${text} has ${numbers.length - 1} spatial axes`;
    throw new FieldError(what, "height x width x channels, with 0 to 3 spatial axes");
  }
  return [numbers[numbers.length - 1], ...numbers.slice(0, -1)];
}

/** The text after the prefix, if that is followed by a digit. */
function own(prefix: string, word: string): string {
  const rest = word.startsWith(prefix) ? word.slice(prefix.length) : "";
  return /^[0-9]/.test(rest) ? rest : "";
}

function wholeNumber(name: string, value: unknown, minimum: number): void {
  if (!Number.isInteger(value) || (value as number) < minimum || (value as number) > MAX_INT) {
    throw new FieldError(`${name}=${shown(value)}`, `an integer from ${minimum} to 2,147,483,648`);
  }
}

function shown(value: unknown): string {
  return typeof value === "string" ? `'${value}'` : value === true ? "True" : value === false ? "False" : String(value);
}

function spread<T>(name: string, value: readonly T[], rank: number): readonly T[] {
  if (!rank) {
    throw new ShapeError(`${name} needs a spatial axis, but the input has only channels`, "a map, such as 28x28x1");
  }
  if (value.length === 1) return Array<T>(rank).fill(value[0]);
  if (value.length !== rank) {
    const what = `${name} has ${value.length} axes, but the input has ${rank} spatial ${rank === 1 ? "axis" : "axes"}`;
    throw new ShapeError(what, "one number, or one per spatial axis, in the order height x width");
  }
  return value;
}

/** An integer: channels, groups. */
export function count(prefix = "", minimum = 1): Kind {
  return {
    marked: prefix !== "",
    match(word) {
      const rest = own(prefix, word);
      if (!rest) return undefined;
      const numbers = parseNumbers(rest);
      if (numbers.length > 1) throw new FieldError(`"${word}" is not a single integer`, "one integer");
      return numbers[0];
    },
    word: (value) => `${prefix}${value}`,
    validate: (name, value) => wholeNumber(name, value, minimum),
    spread: keep,
    usage: (name) => `${prefix}${prefix ? "N" : name.toUpperCase()}`,
  };
}

/** An integer for each spatial axis, or one for all: kernel, stride, dilation. */
export function sizes(prefix = "", { minimum = 1, like = "" } = {}): Kind {
  return {
    marked: prefix !== "",
    like,
    match(word) {
      const rest = own(prefix, word);
      return rest ? parseNumbers(rest) : undefined;
    },
    word(value) {
      const all = value as readonly number[];
      return prefix + (prefix && new Set(all).size === 1 ? all.slice(0, 1) : all).join("x");
    },
    validate(name, value) {
      if (!Array.isArray(value) || !(value.length || like)) {
        throw new FieldError(`${name}=${shown(value)}`, "a tuple with one integer per axis");
      }
      for (const entry of value) wholeNumber(name, entry, minimum);
    },
    spread: (name, value, rank) => spread(name, value as readonly number[], rank),
    usage: (name) => `${prefix}${prefix ? "N" : name.toUpperCase()}`,
  };
}

/** Padding before and after each axis: `p1`, `p1x0`, `p0:1x0:1`; or the word `same`. */
export function padding(prefix = "p", same = true): Kind {
  const pair = (part: string): Pair => {
    const numbers = part.split(":").map((side) => parseNumbers(side)[0]);
    if (numbers.length > 2) {
      throw new FieldError(`"${part}" has ${numbers.length} sides, not two`, "before:after, such as 0:1");
    }
    return [numbers[0], numbers[numbers.length - 1]];
  };
  return {
    marked: prefix !== "",
    match(word) {
      if (same && (word === "same" || word === "valid")) return word === "same" ? word : [[0, 0]];
      const rest = own(prefix, word);
      return rest ? rest.split("x").map(pair) : undefined;
    },
    word(value) {
      if (typeof value === "string") return value;
      const all = (value as readonly Pair[]).map(([lo, hi]) => (lo === hi ? `${lo}` : `${lo}:${hi}`));
      return prefix + (new Set(all).size === 1 ? all.slice(0, 1) : all).join("x");
    },
    validate(name, value) {
      if (same && value === "same") return;
      if (!Array.isArray(value) || !value.length || !value.every((one) => Array.isArray(one) && one.length === 2)) {
        throw new FieldError(`${name}=${shown(value)}`, '"same" or a tuple with (before, after) for each axis');
      }
      for (const side of value.flat()) wholeNumber(name, side, 0);
    },
    spread: (name, value, rank) => (typeof value === "string" ? value : spread(name, value as Pair[], rank)),
    usage: (name) => (same ? `${prefix}N|same` : `${prefix}${name.toUpperCase()}`),
  };
}

/** A number: a slope, a probability, an exponent. */
export function real(prefix = "", { minimum = 0, below = Infinity } = {}): Kind {
  return {
    marked: prefix !== "",
    match(word) {
      const rest = word.startsWith(prefix) ? word.slice(prefix.length) : "";
      if (!/^-?\.?[0-9]/.test(rest)) return undefined;
      if (!/^-?([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?$/.test(rest)) {
        throw new FieldError(`"${word}" is not a number`, "a number such as 0.1");
      }
      return Number(rest);
    },
    word: (value) => prefix + pythonFloat(value as number).replace("e+", "e"),
    validate(name, value) {
      if (typeof value !== "number" || !Number.isFinite(value) || !(minimum <= value && value < below)) {
        const lowest = minimum === -Infinity ? "any number" : `a number from ${minimum}`;
        const bound = below === Infinity ? "" : ` and below ${below}`;
        throw new FieldError(
          `${name}=${typeof value === "number" ? pythonReal(value) : shown(value)} is out of range`,
          lowest + bound,
        );
      }
    },
    spread: keep,
    usage: (name) => `${prefix}${prefix ? "N" : name.toUpperCase()}`,
  };
}

function pythonReal(value: number): string {
  if (Number.isFinite(value)) return pythonFloat(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/** A word that changes a setting from its default. */
export function flag(name: string, means: boolean): Kind {
  return {
    marked: true,
    match: (word) => (word === name ? means : undefined),
    word: (value) => (value === means ? name : ""),
    validate(setting, value) {
      if (typeof value !== "boolean") throw new FieldError(`${setting}=${shown(value)}`, "True or False");
    },
    spread: keep,
    usage: () => name,
  };
}

/** A choice of words; the first is the default and is not written, unless all are `named`. */
export function choice(words: readonly string[], named = false): Kind {
  return {
    marked: true,
    match: (word) => (words.includes(word) ? word : undefined),
    word: (value) => (value === words[0] && !named ? "" : value as string),
    validate(name, value) {
      if (!words.includes(value as string)) {
        throw new FieldError(`${name}=${shown(value)}`, `one of ${words.join(", ")}`);
      }
    },
    spread: keep,
    usage: () => words.join("|"),
  };
}

/** A complete shape, channels included, independent of the input. */
export function extent(): Kind {
  return {
    marked: false,
    match: (word) => (/^[0-9]/.test(word) ? shapeOf(word) : undefined),
    word: (value) => shapeText(value as Shape),
    validate(name, value) {
      if (!Array.isArray(value) || !value.length) {
        throw new FieldError(`${name}=${shown(value)}`, "a shape, channels first");
      }
      for (const entry of value) wholeNumber(name, entry, 1);
    },
    spread: keep,
    usage: () => "HxWxC",
  };
}

/** A range of indices that excludes its last one, with a step: `4:16` or `0:16:2`. */
export function range(): Kind {
  const word = (value: unknown) => {
    const all = value as readonly number[];
    return (all[2] > 1 ? all : all.slice(0, 2)).join(":");
  };
  return {
    marked: false,
    match(text) {
      if (!/^[0-9]/.test(text)) return undefined;
      const numbers = text.split(":").map((part) => parseNumbers(part)[0]);
      if (numbers.length !== 2 && numbers.length !== 3) {
        throw new FieldError(`"${text}" is not a range`, "first:last, such as 0:16, or first:last:step");
      }
      return [numbers[0], numbers[1], numbers[2] ?? 1];
    },
    word,
    validate(name, value) {
      if (!Array.isArray(value) || value.length !== 3) {
        throw new FieldError(`${name}=${shown(value)}`, "first, last and step");
      }
      value.forEach((entry, at) => wholeNumber(name, entry, [0, 1, 1][at]));
      if (value[0] >= value[1]) {
        throw new FieldError(`${name}=${word(value)} is an empty range`, "a first index below the last");
      }
    },
    spread: keep,
    usage: () => "A:B[:S]",
  };
}
