// The reader's budget: so many multiply-adds, parameters, or bytes at the peak.

import type { NetFacts } from "./model.ts";
import { amount, bytes, count } from "./words.ts";

export interface Budget {
  cost: "macs" | "params" | "bytes";
  limit: number;
  /** As in the address: macs:2000000. */
  text: string;
  /** For the reader: 2 M MACs. */
  words: string;
}

const NAMES = { macs: "MACs", params: "params", bytes: "peak memory" } as const;

/** Read what a reader typed or an address holds; null if it names no amount. */
export function budgetOf(text: string): Budget | null {
  const kept = /^(macs|params|bytes):(\d{1,15})$/.exec(text);
  if (kept) return made(kept[1] as Budget["cost"], Number(kept[2]));
  const found =
    /^\s*([0-9][0-9.,_]*\s*(?:[kmgt]i?)?b?)\s*(macs?|params?|parameters|peak memory|memory|)\s*$/i.exec(text) ??
      /^\s*([0-9][0-9.,_]*\s*[kmgt]?)(macs?)\s*$/i.exec(text);
  const limit = found ? amount(found[1]) : null;
  if (!found || !limit) return null;
  const unit = found[2].toLowerCase();
  if (unit.startsWith("p") && unit !== "peak memory") return made("params", limit);
  return made(/b\s*$/i.test(found[1]) || unit.includes("memory") ? "bytes" : "macs", limit);
}

const made = (cost: Budget["cost"], limit: number): Budget | null =>
  limit > 0
    ? {
      cost,
      limit,
      text: `${cost}:${limit}`,
      words: `${(cost === "bytes" ? bytes(limit) : count(limit)).replace(/\.0+(?= )/, "")} ${NAMES[cost]}`,
    }
    : null;

/** How much of it a net takes; null if that is not known. */
export function spent({ totals, peak }: NetFacts, budget: Budget): number | null {
  if (budget.cost === "bytes") return peak && peak.bytes;
  return totals.exact || totals[budget.cost] > budget.limit ? totals[budget.cost] : null;
}
