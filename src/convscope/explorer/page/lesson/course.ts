// Where a reader is in a lesson, and what they have entered. The step is in the address; the rest is of this visit.

import { batch, effect, signal } from "@preact/signals";
import type { App } from "../app.ts";
import type { Lesson, Step } from "../document.ts";
import { withChange } from "../edited.ts";
import { fromHash, type Selection, START } from "../state.ts";
import { type Facts, holds, type NetFacts } from "./check.ts";

/** The selection that a step shows: what it names, all else as at the start. Its net is in the notation. */
export function stateOf(step: Step, number: number): Selection {
  const text = Object.entries(step.show).map(([key, value]) => {
    const written = key === "edit" ? withChange([], { kind: "text", text: value }) : value;
    return `${key}=${encodeURIComponent(written)}`;
  }).join("&");
  return { ...START, ...fromHash(text), lesson: number };
}

/** A selection by key, as texts of the address. */
export const textsOf = (selection: Selection): Record<string, string> =>
  Object.fromEntries(Object.entries(selection).map(([key, value]) => [key, value === null ? "" : String(value)]));

/** The net as a condition asks for it. */
export function netFacts(app: App): NetFacts {
  const { net } = app.model.value;
  const last = net.layers.at(-1);
  const known = last && last.rf.length > 0 && last.rf.every((axis) => axis.exact && axis.size > 0);
  const counted = net.totals.exact;
  return {
    field: known ? Math.min(...last.rf.map((axis) => axis.size)) : null,
    params: counted ? net.totals.params : null,
    macs: counted ? net.totals.macs : null,
    out: last?.out ?? null,
  };
}

export class Course {
  readonly lesson: Lesson;
  /** Predictions by step, as entered. */
  readonly predicted = signal<Record<number, string>>({});
  /** Steps whose condition has been met. */
  readonly done = signal<ReadonlySet<number>>(new Set());
  /** The answer to the question at the end. */
  readonly answer = signal("");
  readonly #app: App;
  #seen: Record<string, Set<string>> = {};
  #at = -1;
  readonly #stop: () => void;

  constructor(app: App, lesson: Lesson) {
    [this.#app, this.lesson] = [app, lesson];
    if (app.store.now.lesson === null) app.store.set(stateOf(lesson.steps[0], 0), "glide");
    this.#stop = effect(() => this.#watch());
  }

  /** The step now; the count of steps is the question at the end. */
  get at(): number {
    const { lesson } = this.#app.selection.value;
    return Math.max(0, Math.min(lesson ?? 0, this.lesson.steps.length));
  }

  get step(): Step | undefined {
    return this.lesson.steps[this.at];
  }

  /** The part of the page that is covered now; empty if there is none. */
  get cover(): string {
    const step = this.step;
    return step?.predict && this.predicted.value[this.at] === undefined ? step.cover : "";
  }

  /** Whether the step has nothing left to do. */
  get ready(): boolean {
    const step = this.step;
    return !step || ((!step.do || this.done.value.has(this.at)) && (!step.predict || this.at in this.predicted.value));
  }

  go(number: number): void {
    const step = this.lesson.steps[number];
    if (step) this.#app.store.set(stateOf(step, number));
    else this.#app.store.set({ lesson: this.lesson.steps.length });
  }

  predict(text: string): void {
    this.predicted.value = { ...this.predicted.peek(), [this.at]: text };
  }

  leave(): void {
    this.#stop();
  }

  /** Keep where the reader has been in this step, and see whether that was what it waits for. */
  #watch(): void {
    const now = textsOf(this.#app.selection.value);
    const at = this.at, step = this.step;
    if (at !== this.#at) [this.#at, this.#seen] = [at, {}];
    for (const [key, value] of Object.entries(now)) (this.#seen[key] ??= new Set()).add(value);
    if (!step?.do || this.done.peek().has(at)) return;
    const facts: Facts = { now, shown: textsOf(stateOf(step, at)), seen: this.#seen, net: netFacts(this.#app) };
    if (holds(step.do, facts)) batch(() => this.done.value = new Set([...this.done.peek(), at]));
  }
}
