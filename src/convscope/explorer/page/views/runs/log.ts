// The training log, as curves and in words.

import type { Report, Run } from "../../document.ts";

export type Metric = "accuracy" | "loss" | "learning_rate";

/** A point of a curve: epochs done, and a value. */
export interface Point {
  epoch: number;
  value: number;
}

/** A curve with its name. */
export interface Curve {
  name: string;
  points: readonly Point[];
  /** Whether it is drawn with a mark at each point: measured now and then, not all the time. */
  marked: boolean;
  /** Whether it stands back. */
  faint?: boolean;
}

const VALIDATED = { accuracy: "val_accuracy", loss: "val_loss", learning_rate: null } as const;

/** The curves of a metric: over the training images, and over the validation images where there are some. */
export function curves(log: readonly Report[], metric: Metric, other: readonly Report[] = []): Curve[] {
  const of = (key: keyof Report, lines = log): Point[] =>
    lines.flatMap((line) => typeof line[key] === "number" ? [{ epoch: line.epoch, value: line[key] }] : []);
  const validated = VALIDATED[metric] ? of(VALIDATED[metric]) : [];
  const name = metric === "learning_rate" ? "learning rate" : "training";
  const all: Curve[] = [{ name, points: of(metric), marked: false }];
  if (validated.length) all.push({ name: "validation", points: validated, marked: true });
  if (other.length) all.push({ name: "other run", points: of(metric, other), marked: false, faint: true });
  return all;
}

/** The line of the log nearest to a step. */
export function lineAt(log: readonly Report[], step: number | null): number {
  if (step === null) return log.length - 1;
  let best = 0;
  log.forEach((line, i) => {
    if (Math.abs(line.step - step) < Math.abs(log[best].step - step)) best = i;
  });
  return best;
}

/** The line with the best validation, by loss. */
export const bestOf = (log: readonly Report[]): Report | undefined =>
  log.reduce<Report | undefined>(
    (best, line) => line.val_loss !== null && line.val_loss < (best?.val_loss ?? Infinity) ? line : best,
    undefined,
  );

/** The first line at which the training accuracy has come half of the way from the first line to the best one. */
export function halfway(log: readonly Report[]): Report | undefined {
  const most = Math.max(...log.map((line) => line.accuracy)), first = log[0]?.accuracy ?? 0;
  return log.find((line) => line.accuracy >= (most + first) / 2);
}

/** A setting of the run as a number, from its provenance; null if it is not there. */
export function setting(run: Run, name: string): number | null {
  const found = run.provenance.find((fact) => fact.name === name)?.value;
  return found === undefined || found.trim() === "" || Number.isNaN(Number(found)) ? null : Number(found);
}

/** Batches and epochs of a training: what one epoch uses, what is left over, and the steps of all epochs. */
export interface Steps {
  each: number;
  left: number;
  all: number;
}

/**
 * Count as the trainer does: batches are full, and the images that are left at the end of an epoch are dropped; or,
 * where the recipe says so, all images are spread evenly over slightly smaller batches.
 */
export function counted(images: number, batch: number, epochs: number, even = false): Steps {
  const size = Math.min(batch, images);
  const spread = Math.min(Math.ceil(images / size), Math.floor(images / 2));
  const each = Math.max(1, even ? spread : Math.floor(images / size));
  return { each, left: even ? 0 : images - each * size, all: Math.max(1, Math.round(epochs * each)) };
}
