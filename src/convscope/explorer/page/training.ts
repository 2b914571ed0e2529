// A training that Python runs for the page: its state, its log as it grows, and the questions about it.

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Report } from "./document.ts";
import type { Event, Link } from "./link/link.ts";
import { Trouble } from "./trouble.ts";

export type State = "idle" | "running" | "stopping" | "stopped" | "done" | "failed";

/** What Python says of the training. */
interface Told {
  state: State;
  /** The name by which its document is asked for. */
  run: string;
  log: Report[];
  /** Why it failed, or cannot be shown. */
  why: string;
}

/** Of the newest pages it is known how a training goes, whatever document they show: it belongs to the link. */
const all = new WeakMap<Link, Training>();

export const trainingOf = (link: Link): Training => {
  const found = all.get(link) ?? new Training(link);
  all.set(link, found);
  return found;
};

export class Training {
  readonly #link: Link;
  readonly told = signal<Told>({ state: "idle", run: "", log: [], why: "" });
  /** The data sets that can be trained on. */
  readonly data = signal<readonly string[]>([]);
  readonly trouble = signal<Trouble | null>(null);
  readonly busy: ReadonlySignal<boolean> = computed(() => ["running", "stopping"].includes(this.told.value.state));

  constructor(link: Link) {
    this.#link = link;
    if (!link.capabilities.has("train")) return;
    link.on("training", (event) => this.#heard(event));
    void this.#ask("training");
  }

  start(notation: string, data: string, epochs: number): Promise<void> {
    return this.#ask("train", { notation, data, epochs });
  }

  stop(): Promise<void> {
    return this.#ask("stop");
  }

  resume(): Promise<void> {
    return this.#ask("resume");
  }

  #heard(event: Event): void {
    const { state, run, log, why } = event as unknown as Told;
    const before = this.told.peek();
    const kept = before.run === run ? before.log : [], last = kept.at(-1)?.step ?? -1;
    this.told.value = { state, run, why, log: [...kept, ...log.filter((line) => line.step > last)] };
  }

  async #ask(method: string, args: Record<string, unknown> = {}): Promise<void> {
    this.trouble.value = null;
    try {
      const { data, ...told } = await this.#link.call(method, args) as Told & { data: string[] };
      [this.told.value, this.data.value] = [told, data];
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      this.trouble.value = error;
    }
  }
}
