// The net as it is now beside the net of the document: what changed, in numbers and words.

import type { Facts, Model, NetFacts } from "../../model.ts";
import { count, percent, whole } from "../../words.ts";

/** What a change did to a sum: null where one side is unknown. */
export interface Delta {
  before: number;
  after: number;
}

export const deltaOf = (before: number | null, after: number | null): Delta | null =>
  before === null || after === null ? null : { before, after };

/** A signed difference: +2,304, −512; nothing if there is none. */
export function difference(delta: Delta | null, short = true): string {
  if (!delta || delta.before === delta.after) return "";
  const by = Math.abs(delta.after - delta.before);
  return `${delta.after > delta.before ? "+" : "\u2212"}${short && by >= 100_000 ? count(by) : whole(by)}`;
}

/** A change in percent, for a sentence: +46 %; +0.3 %. */
export function relative({ before, after }: Delta): string {
  if (before === 0) return after === 0 ? "±0 %" : `+${whole(after)}`;
  return `${after >= before ? "+" : "\u2212"}${percent(Math.abs(after - before) / before)}`;
}

export const total = (net: NetFacts, cost: "params" | "macs" | "bytes"): number | null =>
  net.totals.exact || cost === "bytes" ? net.totals[cost] : null;

/** Layers of one net that are not in the other, and those whose words differ. */
export interface Difference {
  added: string[];
  removed: string[];
  altered: string[];
}

export function differenceOf(before: Model, after: Model): Difference {
  const added: string[] = [], altered: string[] = [];
  for (const layer of after.layers) {
    const own = before.get(layer.name);
    if (!own) added.push(layer.name);
    else if (own.text !== layer.text || String(own.inputs) !== String(layer.inputs)) altered.push(layer.name);
  }
  return { added, altered, removed: before.layers.filter(({ name }) => !after.get(name)).map(({ name }) => name) };
}

/** The cost of the layers of a column in the net before; layers that are new count nothing there. */
export function costBefore(before: Model, layers: readonly Facts[], cost: "params" | "macs"): number | null {
  let found = 0;
  for (const { name } of layers) {
    const own = before.get(name);
    if (own && own[cost] === null) return null;
    found += own?.[cost] ?? 0;
  }
  return found;
}
