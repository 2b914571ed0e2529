// One selection for all views. It is kept in the address of the page, so that a state can be sent.

import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";

export interface Selection {
  view: string;
  layer: string;
  channel: number | null;
  unit: readonly [number, number] | null;
  image: number;
  class: number | null;
  /** The cell of the confusion matrix: true class, predicted class. */
  cell: readonly [number, number] | null;
  /** The step of the training. */
  step: number | null;
  run: string;
  /** The net as changed in the Bench; empty for the net of the document. */
  edit: string;
  /** What the Map shows: which cost, and the groups that are unfolded ("" for as many as fit). */
  cost: string;
  open: string;
  /** The side of the reader's objects [input pixel]. */
  object: number | null;
  /** What Reach shows on the image: the box of the field, or the weight of its pixels. */
  field: string;
  /** The reader's budget, such as macs:2000000. */
  budget: string;
  /** The kernel of the Microscope, by name or by its values; empty for the one that the net has. */
  kernel: string;
  /** The step of the lesson; null without one. */
  lesson: number | null;
}

export const START: Selection = {
  view: "map",
  layer: "",
  channel: null,
  unit: null,
  image: 0,
  class: null,
  cell: null,
  step: null,
  run: "",
  edit: "",
  cost: "macs",
  open: "",
  object: null,
  field: "box",
  budget: "",
  kernel: "",
  lesson: null,
};

/** What undo takes back: changes of the net and of the questions, not where the reader looks. */
const CHANGES = ["edit", "object", "budget"] as const;

type Key = keyof Selection;

const integer = (text: string): number | null => /^\d{1,9}$/.test(text) ? Number(text) : null;

const pair = (text: string): readonly [number, number] | null => {
  const found = /^(\d{1,9}),(\d{1,9})$/.exec(text);
  return found ? [Number(found[1]), Number(found[2])] : null;
};

const READERS: Partial<Record<Key, (text: string) => unknown>> = {
  channel: integer,
  unit: pair,
  image: (text) => integer(text) ?? 0,
  class: integer,
  cell: pair,
  step: integer,
  object: integer,
  lesson: integer,
};

const escaped = (text: string): string =>
  encodeURIComponent(text).replace(/%(2C|3A|2F|20)/g, (code) => code === "%20" ? "+" : decodeURIComponent(code));

/** Write a selection as the part of an address after `#`; what is as at the start is left out. */
export function toHash(selection: Selection): string {
  return (Object.keys(START) as Key[])
    .filter((key) => key === "view" || String(selection[key]) !== String(START[key]))
    .map((key) => `${key}=${escaped(String(selection[key]))}`)
    .join("&");
}

/** Read it back; what is unknown or malformed is as at the start. */
export function fromHash(text: string): Selection {
  const found: Record<string, unknown> = { ...START };
  for (const part of text.replace(/^#/, "").split("&")) {
    const cut = part.indexOf("=");
    const key = part.slice(0, cut);
    if (cut < 0 || !Object.hasOwn(START, key)) continue;
    let value: string;
    try {
      value = decodeURIComponent(part.slice(cut + 1).replaceAll("+", " "));
    } catch {
      continue;
    }
    const read = READERS[key as Key];
    found[key] = read ? read(value) : value;
  }
  return found as unknown as Selection;
}

/** Where the text of a selection is kept. */
export interface Keeper {
  read(): string;
  write(text: string, push: boolean): void;
  /** Hear of changes from outside, as by the browser's back button; returns how to stop. */
  heard?(changed: () => void): () => void;
}

/** The address of the page. A sandbox may forbid to change it; the page then works without. */
export const address: Keeper = {
  read: () => globalThis.location?.hash ?? "",
  write(text, push) {
    try {
      history[push ? "pushState" : "replaceState"](null, "", `#${text}`);
    } catch {
      // a page inside of a notebook's frame has no address of its own
    }
  },
  heard(changed) {
    addEventListener("popstate", changed);
    return () => removeEventListener("popstate", changed);
  },
};

const WRITE_EVERY = 150; // [ms]: browsers throttle more frequent changes of the address
const ONE_DRAG = 600; // [ms]: changes of the same setting within this time are undone together

export class Store {
  readonly #selection: Signal<Selection>;
  readonly #past = signal<Selection[]>([]);
  readonly #future = signal<Selection[]>([]);
  readonly canUndo: ReadonlySignal<boolean> = computed(() => this.#past.value.length > 0);
  readonly canRedo: ReadonlySignal<boolean> = computed(() => this.#future.value.length > 0);
  readonly #keeper: Keeper;
  readonly #stop: () => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #push = false;
  #written: string;
  #last = { key: "", at: 0 };

  constructor(keeper: Keeper = address) {
    this.#keeper = keeper;
    this.#selection = signal(fromHash(keeper.read()));
    this.#written = toHash(this.#selection.value);
    this.#stop = keeper.heard?.(() => this.#adopt()) ?? (() => {});
  }

  get selection(): ReadonlySignal<Selection> {
    return this.#selection;
  }

  get now(): Selection {
    return this.#selection.peek();
  }

  /**
   * Change the selection. A step can be gone back to; a glide, as under a moving pointer, replaces the last state, and
   * glides of the same thing (`what`) that follow each other are undone together.
   */
  set(patch: Partial<Selection>, how: "step" | "glide" = "step", what = ""): void {
    const before = this.now, after = { ...before, ...patch };
    if (toHash(before) === toHash(after)) return;
    const changed = CHANGES.find((key) => before[key] !== after[key]);
    batch(() => {
      if (changed) this.#remember(before, how === "glide" ? `${changed} ${what}` : "");
      this.#selection.value = after;
    });
    this.#write(how === "step");
  }

  undo(): void {
    this.#travel(this.#past, this.#future);
  }

  redo(): void {
    this.#travel(this.#future, this.#past);
  }

  /** Write what is due and listen no more. */
  close(): void {
    this.#stop();
    this.#flush();
  }

  #remember(before: Selection, key: string): void {
    const now = Date.now();
    const same = key !== "" && this.#last.key === key && now - this.#last.at < ONE_DRAG && this.#past.peek().length > 0;
    if (!same) this.#past.value = [...this.#past.peek().slice(-199), before];
    this.#future.value = [];
    this.#last = { key, at: now };
  }

  #travel(from: Signal<Selection[]>, to: Signal<Selection[]>): void {
    const then = from.peek().at(-1);
    if (!then) return;
    batch(() => {
      to.value = [...to.peek(), this.now];
      from.value = from.peek().slice(0, -1);
      this.#selection.value = { ...then, view: this.now.view };
    });
    this.#last = { key: "", at: 0 };
    this.#write(true);
  }

  #write(push: boolean): void {
    this.#push ||= push;
    this.#timer ??= setTimeout(() => this.#flush(), WRITE_EVERY);
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const text = toHash(this.now);
    if (text !== this.#written) this.#keeper.write(text, this.#push);
    [this.#timer, this.#push, this.#written] = [null, false, text];
  }

  #adopt(): void {
    const found = fromHash(this.#keeper.read());
    if (this.#timer !== null) clearTimeout(this.#timer);
    [this.#timer, this.#push, this.#written] = [null, false, toHash(found)];
    this.#selection.value = found;
  }
}
