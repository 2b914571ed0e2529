// The confusion matrix, its cells and their images.

import { type Signal, signal } from "@preact/signals";
import type { App } from "../../app.ts";
import type { Evaluation, Image } from "../../document.ts";
import { shortened } from "../../words.ts";

/** True class, predicted class. */
export type Cell = readonly [number, number];

/** An image with its place in the document. */
export interface Seen {
  at: number;
  image: Image;
}

export class Matrix {
  readonly size: number;
  readonly counts: Map<number, number>;
  /** Images of each class, and how many of them were classified correctly. */
  readonly rows: readonly { count: number; hits: number }[];
  /** The largest count of a cell beside the diagonal. */
  readonly most: number;
  /** Cells beside the diagonal, those with the most images first. */
  readonly wrong: readonly { cell: Cell; count: number }[];

  constructor(evaluation: Evaluation, classes: number) {
    this.size = classes;
    this.counts = new Map(
      evaluation.confusion.map(([truth, predicted, count]) => [truth * classes + predicted, count]),
    );
    const rows = Array.from({ length: classes }, () => ({ count: 0, hits: 0 }));
    const wrong: { cell: Cell; count: number }[] = [];
    for (const [truth, predicted, count] of evaluation.confusion) {
      rows[truth].count += count;
      if (truth === predicted) rows[truth].hits += count;
      else wrong.push({ cell: [truth, predicted], count });
    }
    this.rows = rows;
    this.wrong = wrong.sort((a, b) => b.count - a.count);
    this.most = this.wrong[0]?.count ?? 0;
  }

  at(truth: number, predicted: number): number {
    return this.counts.get(truth * this.size + predicted) ?? 0;
  }

  /** The cell that is looked at first: the most frequent mistake, or the largest class. */
  get first(): Cell {
    if (this.wrong.length) return this.wrong[0].cell;
    let best = 0;
    this.rows.forEach((row, i) => {
      if (row.count > this.rows[best].count) best = i;
    });
    return [best, best];
  }

  /** The cell next to one; at the border, the same. */
  beside(cell: Cell, down: number, right: number): Cell {
    const inside = (value: number): number => Math.max(0, Math.min(this.size - 1, value));
    return [inside(cell[0] + down), inside(cell[1] + right)];
  }
}

const matrices = new WeakMap<Evaluation, Matrix>();

/** The matrix of an evaluation, made once; its classes may have no names. */
export function matrixOf(app: App, evaluation: Evaluation): Matrix {
  const largest = evaluation.confusion.reduce((most, [truth, predicted]) => Math.max(most, truth, predicted), -1);
  const classes = Math.max(app.document.classes.length, largest + 1);
  const known = matrices.get(evaluation) ?? new Matrix(evaluation, classes);
  matrices.set(evaluation, known);
  return known;
}

export type List = "cell" | "wrong" | "all";

const lists = new WeakMap<App, Signal<List>>();

/** Which images the gallery holds. */
export function listOf(app: App): Signal<List> {
  const known = lists.get(app) ?? signal<List>("cell");
  lists.set(app, known);
  return known;
}

/** The selected cell: of the address, else of the selected image, else the most frequent mistake. */
export function cellOf(app: App, matrix: Matrix): Cell {
  const { cell, image } = app.selection.value;
  if (cell && cell[0] < matrix.size && cell[1] < matrix.size) return cell;
  const one = image ? app.document.images[image] : undefined;
  return one && one.truth !== null && one.predicted !== null ? [one.truth, one.predicted] : matrix.first;
}

/** The images of a list: those of a cell by probability, the most confident first; others by loss. */
export function imagesOf(app: App, cell: Cell, list: List = "cell"): Seen[] {
  const all = app.document.images.map((image, at) => ({ at, image })).filter(({ image }) => image.predicted !== null);
  const by = (key: "probability" | "loss") => (a: Seen, b: Seen): number => (b.image[key] ?? 0) - (a.image[key] ?? 0);
  if (list === "all") return all.sort(by("loss"));
  if (list === "wrong") return all.filter(({ image }) => image.truth !== image.predicted).sort(by("loss"));
  return all.filter(({ image }) => image.truth === cell[0] && image.predicted === cell[1]).sort(by("probability"));
}

/** The image that is explained: the selected one if the list holds it, else its first. */
export const imageOf = (app: App, shown: readonly Seen[]): Seen | undefined =>
  shown.find(({ at }) => at === app.selection.value.image) ?? shown[0];

/** Select a cell, and its most confident image. */
export function choose(app: App, cell: Cell, how: "step" | "glide" = "step"): void {
  listOf(app).value = "cell";
  const first = imagesOf(app, cell)[0];
  app.store.set({ cell, ...(first ? { image: first.at } : {}) }, how);
}

/** Select an image, and its cell if the gallery holds a cell. */
export function show(app: App, { at, image }: Seen, how: "step" | "glide" = "step"): void {
  const known = image.truth !== null && image.predicted !== null;
  app.store.set(known ? { image: at, cell: [image.truth as number, image.predicted as number] } : { image: at }, how);
}

/** The name of a class, or its index; a long one without its middle. */
export const className = (app: App, index: number): string =>
  shortened(app.document.classes[index] ?? String(index), 60);
