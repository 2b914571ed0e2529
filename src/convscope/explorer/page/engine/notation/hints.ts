/**
 * Suggestions for unknown words: names and settings of other libraries.
 *
 * A hint may need the input shape at that point (`dwconv 3x3` on 8 channels is `conv 8 3x3 g8`), so it is a function of
 * that shape, which is null if unknown.
 */

import { EngineError } from "../errors.ts";
import { ceilDiv } from "../numbers.ts";
import type { Op, Settings } from "../ops/op.ts";
import { isKeyword, KEYWORDS } from "../ops/registry.ts";
import { parseNumbers } from "../spell.ts";
import type { Setting } from "../spell.ts";
import type { Shape } from "../types.ts";
import { nearest } from "./nearest.ts";
import {
  DEPTHWISE,
  OTHER_NAMES,
  POINTWISE,
  RESIDUAL,
  SEPARABLE,
  SMOOTH,
  SMOOTHED,
  SPELLED,
  SQUEEZE,
  USUAL,
} from "./others.ts";

const OFF = ["false", "0", "no", "none", "off"];

export type Hint = (shape: Shape | null) => string;

/** The suggestion for a word that is not an op; `rest` follows it in its statement. */
export function forOp(word: string, rest: readonly string[]): Hint {
  const name = word.toLowerCase();
  const numbers = rest.slice(0, 2).filter((one) => /^[0-9]/.test(one)), after = rest.slice(numbers.length);
  if (DEPTHWISE.has(name)) return (shape) => depthwise(shape, numbers.slice(-1), after);
  if (SEPARABLE.has(name)) {
    const kernel = numbers.length > 1 ? numbers.slice(1) : ["3x3"];
    return (shape) => `${depthwise(shape, kernel, after)}, conv ${numbers[0] ?? "OUT"} 1x1`;
  }
  if (POINTWISE.has(name)) return () => `conv ${numbers[0] ?? "OUT"} 1x1`;
  if (SQUEEZE.has(name)) {
    return (shape) => squeeze(shape, /^[0-9]+$/.test(numbers[0] ?? "") ? Number(numbers[0]) : 4);
  }
  if (RESIDUAL.has(name)) return (shape) => `add( conv ${channels(shape)} 3x3 same | id )`;
  const mode = rest.map((one) => SMOOTH[one]).find(Boolean) ?? "";
  if (SMOOTHED.has(name) || (mode && OTHER_NAMES[name] === "up")) {
    return (shape) => resized(shape, numbers[0] ?? "", mode || "bilinear");
  }
  if (/^[0-9]+x$/.test(name)) return () => `${name.slice(0, -1)}*( … )`;
  return () => nearest(word, KEYWORDS, OTHER_NAMES);
}

/** The suggestion for a word that is not a setting of an op, after `values` and before `rest`. */
export function forSetting(op: Op, word: string, values: Settings, rest: readonly string[]): Hint {
  const name = word.toLowerCase().slice(word.lastIndexOf("=") + 1);
  if (op.keyword === "up" && SMOOTH[name]) {
    const factor = Array.isArray(values.factor) ? values.factor.join("x") : "";
    return (shape) => resized(shape, factor, SMOOTH[name]);
  }
  if (op.keyword === "conv" && DEPTHWISE.has(name)) return (shape) => `g${channels(shape)}`;
  return () => fixed(op, word, values, rest);
}

function channels(shape: Shape | null): string {
  return shape ? String(shape[0]) : "C";
}

function depthwise(shape: Shape | null, kernel: readonly string[], rest: readonly string[]): string {
  const words = ["conv", channels(shape), ...(kernel.length ? kernel : ["3x3"]), ...rest, `g${channels(shape)}`];
  return words.join(" ") + (shape ? "" : ", where C is the number of input channels");
}

function squeeze(shape: Shape | null, ratio: number): string {
  const inner = shape ? String(Math.max(1, Math.floor(shape[0] / Math.max(1, ratio)))) : `C/${ratio}`;
  return `mul( id | gap, linear ${inner} relu, linear ${channels(shape)} sigmoid )`;
}

/** `resize`, which takes a size instead of the factor of `up`. */
function resized(shape: Shape | null, factor: string, mode: string): string {
  let factors: number[] = [];
  try {
    factors = factor ? parseNumbers(factor) : [2];
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
  }
  if (!shape || (factors.length !== 1 && factors.length !== shape.length - 1)) return `resize HEIGHTxWIDTH ${mode}`;
  const sizes = shape.slice(1).map((side, axis) => side * factors[axis % factors.length]);
  return `resize ${sizes.join("x")} ${mode}`;
}

/** The suggestion for a setting with an invalid value. */
export function forValue(op: Op, word: string, rest: readonly string[]): string {
  const small = word.toLowerCase();
  if (small !== word && says(op, small)) return small;
  const kernel = op.declared.some((entry) => entry.name === "kernel");
  if (kernel && /^[0-9]+$/.test(rest[0] ?? "") && small.includes("x")) {
    return [op.keyword, rest[0], small, ...rest.slice(1)].join(" ");
  }
  return "";
}

function fixed(op: Op, word: string, values: Settings, rest: readonly string[]): string {
  const fields = new Set(op.declared.map((entry) => entry.name)), small = word.toLowerCase();
  if (word !== small && says(op, small)) return small;
  if (word === "same" && fields.has("pad")) return asSame(values, rest);
  const plain = spelledHere(word);
  if (plain.endsWith("bias") && fields.has("bias")) {
    return plain === "nobias" ? plain : `leave it out: ${op.keyword} has a bias unless nobias is given`;
  }
  if (says(op, `s${word}`) && fields.has("stride") && !("stride" in values)) {
    const square = fields.has("out") && String(values.kernel) === String(parseNumbers(word)); // 16 3 3, as in old Keras
    return square ? `${word}x${word}` : `s${word}`;
  }
  for (const one of [plain, word.includes("=") ? word.slice(word.lastIndexOf("=") + 1) : ""]) {
    if (one && (says(op, one) || isKeyword(one))) return one;
  }
  const flags = [...op.declared.map((entry) => entry.kind.usage(entry.name)), "same"];
  const known = [...KEYWORDS, ...flags.filter((flag) => /^[a-z]+$/.test(flag) && says(op, flag))];
  return nearest(word, known, OTHER_NAMES);
}

/** Our spelling of another library's setting; empty if it is not one. */
function spelledHere(word: string): string {
  const match = /^([A-Za-z_]+)[=:]?(.*)$/.exec(word.toLowerCase());
  if (!match) return "";
  const [, name, value] = match;
  if (name === "bias" || name === "use_bias") return OFF.includes(value) ? "nobias" : "bias";
  if (!(name in SPELLED)) return word.includes("=") ? value : "";
  if (value === "same" || value === "valid" || /^[a-z]+$/.test(value)) return value;
  return SPELLED[name] + (value || (USUAL[SPELLED[name]] ?? ""));
}

/** Whether a word sets a setting of the op. */
function says(op: Op, word: string): boolean {
  const matches = (entry: Setting) => {
    try {
      return entry.kind.match(word) !== undefined;
    } catch (error) {
      if (error instanceof EngineError) return false;
      throw error;
    }
  };
  return op.declared.some(matches);
}

/** The padding with which a transposed convolution enlarges the output by its stride. */
function asSame(values: Settings, rest: readonly string[]): string {
  if (!Array.isArray(values.kernel)) return "p1";
  const words = rest.filter((word) => /^[sd][0-9]+(x[0-9]+)*$/.test(word));
  const later: Record<string, number[]> = Object.fromEntries(
    words.map((word) => [word[0], parseNumbers(word.slice(1))]),
  );
  const given = [values.kernel, values.stride ?? later.s ?? [1], values.dilation ?? later.d ?? [1]] as number[][];
  const rank = Math.max(...given.map((one) => one.length));
  if (given.some((one) => one.length !== 1 && one.length !== rank)) return "";
  const [kernels, strides, steps] = given.map((one) => (one.length === 1 ? Array<number>(rank).fill(one[0]) : one));
  const over = kernels.map((size, axis) => (size - 1) * steps[axis] + 1 - strides[axis]);
  if (Math.min(...over) < 0) return "";
  const pads = over.map((side) => ceilDiv(side, 2)), extra = pads.map((pad, axis) => 2 * pad - over[axis]);
  const fits = extra.every((more, axis) => more < Math.max(strides[axis], ...steps));
  const crop = `crop ${
    over.map((side) => `${Math.floor(side / 2)}:${side - Math.floor(side / 2)}`).join("x")
  } after it`;
  const found = fits ? `${perAxis("p", pads)} ${perAxis("o", extra)}`.trim() : crop;
  return `${found || "no padding"}, which makes the output ${strides.join("x")} times as large`;
}

/** A setting with a number for each axis, or one for all; empty if it is zero. */
function perAxis(letter: string, values: readonly number[]): string {
  if (!values.some(Boolean)) return "";
  return letter + (new Set(values).size > 1 ? values : values.slice(0, 1)).join("x");
}
