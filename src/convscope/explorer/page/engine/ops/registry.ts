/** Every op that the engine names, and how ops are fitted, checked and written. */

import { FieldError } from "../errors.ts";
import type { Setting } from "../spell.ts";
import { ACT } from "./act.ts";
import { CONV } from "./conv.ts";
import { LINEAR } from "./linear.ts";
import { MERGE } from "./merge.ts";
import { NORM } from "./norm.ts";
import type { Op, Settings } from "./op.ts";
import { PAD } from "./pad.ts";
import { POOL } from "./pool.ts";
import { RESIZE } from "./resize.ts";
import { VIEW } from "./view.ts";

/** The ops by keyword. */
export const OPS: ReadonlyMap<string, Op> = new Map(
  [...CONV, ...LINEAR, ...POOL, ...NORM, ...ACT, ...MERGE, ...PAD, ...RESIZE, ...VIEW].map((op) => [op.keyword, op]),
);

/** Ops of the notation that only Python knows, and whether they merge paths. */
export const FOREIGN: ReadonlyMap<string, boolean> = new Map([
  ["attention", false],
  ["sdpa", false],
  ["pick", false],
  ["cumsum", false],
  ["lstm", false],
  ["gru", false],
  ["rearrange", false],
  ["reduce", false],
  ["mix", false],
  ["opaque", false],
  ["einsum", true],
]);

/** All keywords of the notation. */
export const KEYWORDS: readonly string[] = [...OPS.keys(), ...FOREIGN.keys()];

export function isKeyword(word: string): boolean {
  return OPS.has(word) || FOREIGN.has(word);
}

export function isMerge(word: string): boolean {
  return OPS.get(word)?.merges ?? FOREIGN.get(word) ?? false;
}

function isMissing(value: unknown): boolean {
  return value === undefined || value === null;
}

/** The settings with those that are left out at their defaults. Throws FieldError for an invalid value. */
export function completed(op: Op, settings: Settings): Settings {
  const found: Record<string, unknown> = {};
  for (const { name, kind, default: value } of op.declared) {
    found[name] = isMissing(settings[name]) ? value : settings[name];
    if (isMissing(found[name])) throw new FieldError(`${op.keyword} needs ${name}`, usage(op));
    kind.validate(name, found[name]);
  }
  return found;
}

/** The settings with one entry for each of `rank` spatial axes. */
export function fitted(op: Op, settings: Settings, rank: number): Settings {
  const found: Record<string, unknown> = {};
  for (const { name, kind } of op.declared) {
    const own = settings[name];
    const value = kind.like && !(own as readonly unknown[]).length ? settings[kind.like] : own;
    found[name] = kind.spread(name, value, rank);
  }
  return found;
}

/** The op in the notation, without settings at their defaults. */
export function spelled(op: Op, settings: Settings): string {
  const words = [op.keyword];
  for (const { name, kind, default: value } of op.declared) {
    const own = settings[name];
    if (kind.like && !(own as readonly unknown[]).length) continue;
    const word = kind.word(own);
    const implied = kind.like ? settings[kind.like] : value;
    if (implied === undefined || word !== kind.word(implied)) words.push(word);
  }
  return words.filter(Boolean).join(" ");
}

/** The syntax of an op: `maxpool KERNEL [sN] [pN|same] [dN] [ceil]`. */
export function usage(op: Op): string {
  const word = (setting: Setting) => {
    const found = setting.kind.usage(setting.name);
    return setting.default === undefined ? found : `[${found}]`;
  };
  return [op.keyword, ...op.declared.map(word)].join(" ");
}
