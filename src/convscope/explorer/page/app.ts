// What all parts of the page share: the document, the net as it is now, the selection, the link to Python.

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { Blobs } from "./blobs.ts";
import { baseOf, type Change, changesOf, type Edited, edited, withChange } from "./edited.ts";
import type { Document } from "./document.ts";
import { Gallery } from "./images.ts";
import { Folding, type Shown } from "./items.ts";
import type { Link } from "./link/link.ts";
import { Lab } from "./lab.ts";
import { type Facts, Model } from "./model.ts";
import { address, type Selection, Store } from "./state.ts";
import { Trained } from "./trained.ts";
import { Trouble } from "./trouble.ts";
import { nearest } from "./engine/notation/nearest.ts";

export interface Layout {
  /** Width of the drawing area [CSS pixel]. */
  width: number;
  phone: boolean;
}

const PHONE = 620;
/** Width of a column of the Map that is easy to read, and of the names before it [CSS pixel]. */
const COLUMN = 62, HEAD = 88;

export class App {
  readonly document: Document;
  readonly link: Link;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly gallery: Gallery;
  readonly lab: Lab;
  /** The net as the reader has changed it, and as it is in the document. */
  readonly edited: ReadonlySignal<Edited>;
  readonly model: ReadonlySignal<Model>;
  readonly given: Model;
  /** The net of the document, at work in a worker. */
  readonly trained: Trained;
  readonly folding: ReadonlySignal<Folding>;
  /** The layer or input that is selected. */
  readonly layer: ReadonlySignal<string>;
  /** The groups that are open on the Map, and what it shows. */
  readonly open: ReadonlySignal<Set<string>>;
  readonly shown: ReadonlySignal<Shown>;
  readonly layout: Signal<Layout> = signal({ width: 900, phone: false });
  readonly theme = signal<"" | "light" | "dark">("");
  readonly keysShown = signal(false);
  readonly notice = signal<Trouble | null>(null);

  constructor(document: Document, link: Link) {
    this.document = document;
    this.link = link;
    const keep = link.keep;
    this.store = new Store(keep ? { read: keep.read, write: (text) => keep.write(text) } : address);
    this.blobs = new Blobs(document.blobs);
    this.gallery = new Gallery(document, this.blobs);
    this.given = new Model(document.net);
    const base = baseOf(document), edit = computed(() => this.selection.value.edit);
    this.edited = computed(() => edited(document, base, edit.value));
    this.model = computed(() => edit.value ? new Model(this.edited.value.net) : this.given);
    this.folding = computed(() => new Folding(this.model.value));
    const chosen = computed(() => this.selection.value.open);
    const columns = computed(() => {
      const { phone, width } = this.layout.value;
      return phone ? 14 : Math.max(11, Math.floor((width - HEAD) / COLUMN));
    });
    this.open = computed(() => this.folding.value.open(chosen.value, columns.value));
    this.shown = computed(() => this.folding.value.show(this.open.value));
    this.layer = computed(() => this.#found(this.selection.value.layer));
    this.lab = new Lab(this);
    this.trained = new Trained(this);
  }

  get selection(): ReadonlySignal<Selection> {
    return this.store.selection;
  }

  /** The selected layer; undefined where an input is selected. */
  get selected(): Facts | undefined {
    return this.model.value.get(this.layer.value);
  }

  select(layer: string, how: "step" | "glide" = "step"): void {
    const changes = layer !== this.layer.peek();
    this.store.set(changes ? { layer, unit: null, channel: null } : { layer }, how);
  }

  /** Change the net. A drag of one number is undone as a whole. */
  change(change: Change, how: "step" | "glide" = "step"): void {
    const one = change.kind === "set", what = one ? `${change.layer} ${change.field}` : "";
    const kept = one ? { layer: this.layer.peek() } : {}; // the dearest may be another one after it
    this.store.set({ edit: withChange(this.changes, change), ...kept }, how, what);
  }

  get changes(): Change[] {
    try {
      return changesOf(this.store.now.edit);
    } catch {
      return [];
    }
  }

  /** Fold a group of the Map, or unfold it. */
  toggle(id: string): void {
    const open = new Set(this.open.peek());
    if (!open.delete(id)) open.add(id);
    this.store.set({ open: this.folding.peek().text(open) });
  }

  resized(width: number): void {
    const before = this.layout.peek();
    if (Math.abs(before.width - width) > 0.5) this.layout.value = { width, phone: width < PHONE };
  }

  /** Say what an address names that is not there. */
  checkNames(): void {
    if (this.store.now.edit && this.edited.peek().trouble) this.notice.value = this.edited.peek().trouble;
    const wanted = this.store.now.layer;
    if (wanted && !this.model.peek().index.has(wanted)) {
      const found = this.#found(wanted);
      this.notice.value = new Trouble(`There is no layer "${wanted.slice(0, 80)}".`, `Selected instead: ${found}.`);
      this.store.set({ layer: found, unit: null }, "glide");
    }
  }

  close(): void {
    this.trained.close();
    this.store.close();
  }

  #found(name: string): string {
    const model = this.model.value;
    if (model.index.has(name)) return name;
    const near = name && nearest(name.slice(0, 80), model.layers.map((layer) => layer.name.slice(0, 200)));
    return model.get(near)?.name ?? dearest(model.layers)?.name ?? model.net.inputs[0].name;
  }
}

/** The layer with the most multiply-adds: where a reader looks first. */
const dearest = (layers: readonly Facts[]): Facts | undefined =>
  layers.reduce<Facts | undefined>((best, one) => (one.macs ?? 0) > (best?.macs ?? -1) ? one : best, undefined);

const Shared = createContext<App | null>(null);
export const Provider = Shared.Provider;

export function useApp(): App {
  const app = useContext(Shared);
  if (!app) throw new Error("a part of the page stands outside of it");
  return app;
}
