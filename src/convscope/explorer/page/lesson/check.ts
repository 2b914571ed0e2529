// Whether a reader has done what a step waits for, and whether an answer is right.

import type { Choice, Condition, Numeric, Question, Reach } from "../document.ts";

/** What the page knows about the reader and the net. */
export interface Facts {
  /** The selection now, as it is written in the address. */
  now: Record<string, string>;
  /** The selection as the step showed it. */
  shown: Record<string, string>;
  /** Every value that a key has had in this step. */
  seen: Record<string, ReadonlySet<string>>;
  net: NetFacts;
}

/** The net as it is now; null is unknown, and meets no condition. */
export interface NetFacts {
  /** Side of the receptive field of the last layer [input pixel]. */
  field: number | null;
  params: number | null;
  macs: number | null;
  out: readonly number[] | null;
}

export function holds(condition: Condition, facts: Facts): boolean {
  switch (condition.kind) {
    case "visit":
      return condition.values.every((value) => facts.seen[condition.key]?.has(value) ?? false);
    case "change":
      return (facts.now[condition.key] ?? "") !== (facts.shown[condition.key] ?? "");
    case "reach":
      return reached(condition, facts.net);
  }
}

export function reached(wanted: Reach, net: NetFacts): boolean {
  const { field, params, macs, out } = wanted;
  if (field !== null && !(net.field !== null && net.field >= field)) return false;
  if (params !== null && !(net.params !== null && net.params <= params)) return false;
  if (macs !== null && !(net.macs !== null && net.macs <= macs)) return false;
  return out === null || String(out) === String(net.out ?? "");
}

export interface Verdict {
  right: boolean;
  /** What to say; empty where there is nothing to add. */
  hint: string;
}

/** A number as a reader types it: 51,264 and 0.0039 and −30. */
export function typed(text: string): number | null {
  const plain = text.trim().replace(/[−–]/g, "-").replace(/(\d)[,\s](?=\d{3}(\D|$))/g, "$1");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : null;
}

/** Judge an answer: the text of a number, or the index of a choice. */
export function judged(question: Numeric | Choice, answer: string): Verdict {
  if (question.kind === "choice") {
    const right = answer === String(question.right);
    return { right, hint: right ? "" : question.hints[answer] ?? "" };
  }
  const given = typed(answer);
  if (given === null) return { right: false, hint: "Enter a number." };
  const right = Math.abs(given - question.right) <= question.within + 1e-12;
  const key = Object.keys(question.hints).find((one) => Number(one) === given);
  return { right, hint: right || key === undefined ? "" : question.hints[key] };
}

/** Whether a question is answered by changing the net. */
export const isTask = (question: Question): question is Extract<Question, { kind: "task" }> => question.kind === "task";
