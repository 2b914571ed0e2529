// The layers that Reach shows, and what a sentence says about their fields.

import type { App } from "../../app.ts";
import { type Facts, kindOf, short } from "../../model.ts";

export interface Stop {
  layer: Facts;
  name: string;
  rows: number;
  columns: number;
}

/** Most layers beside each other; the selected one is always among them. */
const MOST = 40;

const TAIL = 2;

export const spatial = (shape: readonly number[]): [number, number] =>
  shape.length > 2 ? [shape[shape.length - 2], shape[shape.length - 1]] : shape.length === 2 ? [1, shape[1]] : [1, 1];

export const stopOf = (layer: Facts, name: string): Stop => {
  const [rows, columns] = spatial(layer.out);
  return { layer, name, rows, columns };
};

/** The columns of the Map, each by its last layer, or the selected layer in place of that. */
export function stopsOf(app: App): Stop[] {
  const shown = app.shown.value;
  const selected = app.selected;
  const at = shown.itemOf(app.layer.value);
  const all = shown.items.flatMap((item, i): Stop[] => {
    const last = item.layers.at(-1);
    if (!last?.out.length) return []; // an input, or a layer that does not fit
    if (i === at && selected) return [stopOf(selected, item.group ? short(selected.name) : item.title)];
    return [stopOf(last, item.title)];
  });
  const here = all.findIndex((stop) => stop.layer === selected);
  const first = Math.max(0, Math.min(here < 0 ? 0 : here - MOST + TAIL * 4, all.length - MOST));
  return all.slice(first, first + MOST);
}

/** The size of a layer's field across: the smaller side, which decides whether an object fits. */
export const across = (layer: Facts): number => Math.min(...layer.rf.map((axis) => axis.size));
export const exact = (layer: Facts): boolean => layer.rf.every((axis) => axis.exact || axis.seams);

/** Whether the units of a layer have an order along the image. */
export const placed = (layer: Facts): boolean => layer.rf.every((axis) => axis.stride !== null);

/** The first layer on the Map's path that sees an object whole. */
export function firstWhole(stops: readonly Stop[], object: number): Stop | undefined {
  return stops.find((stop) => across(stop.layer) >= object && kindOf(stop.layer) !== "merge") ??
    stops.find((stop) => across(stop.layer) >= object);
}

/** A row and a column as a position on each spatial axis of a layer. */
export function positionOn(shape: readonly number[], [y, x]: readonly [number, number]): number[] {
  const axes = shape.length - 1;
  const before = shape.slice(1, Math.max(1, shape.length - 2)).map((size) => size >> 1);
  return axes > 1 ? [...before, y, x] : axes === 1 ? [x] : [];
}
