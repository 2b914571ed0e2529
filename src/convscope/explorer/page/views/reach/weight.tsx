// How much each pixel weighs for the chosen unit, over the image; and the same as one size for every layer.

import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import type { Derived } from "../../engine/derive.ts";
import { type Effective, effective } from "../../engine/effective.ts";
import { colourOfToken } from "../../parts/heat.ts";
import { positionOn, spatial, type Stop } from "./path.ts";

/** The most layers whose weights are followed for a chart. */
const MOST_LAYERS = 600;
/** A layer whose weights take longer than this, and all after it, are left out [ms]. */
const SLOW = 200;
/** Standard deviations across which most of the weight lies: two on each side. */
const SPAN = 4;

/** The weight of the selected unit; null where it is not known. */
export function weightOf(app: App, layer: string, unit: readonly [number, number]): Effective | null {
  const { derived } = app.edited.value;
  if (derived.layers.length > MOST_LAYERS || isSlow(derived, layer)) return null;
  return effective(derived, layer, positionOn(app.model.value.shape(layer), unit));
}

/** The window of pixels that have a weight, over an image that is drawn at `scale`. */
export function Heat({ found, scale }: { found: Effective; scale: number }) {
  const app = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [rows, columns] = found.sizes.length > 1 ? found.sizes.slice(-2) : [1, found.sizes[0]];
  const [top, left] = found.start.length > 1 ? found.start.slice(-2) : [0, found.start[0]];
  useEffect(() => {
    const one = canvas.current, brush = one?.getContext("2d");
    if (!one || !brush || found.sizes.length > 2) return;
    const lit = colourOfToken(one, "--lit"), most = found.weight.reduce((all, value) => Math.max(all, value), 0);
    const made = new ImageData(columns, rows);
    found.weight.forEach((value, at) => {
      made.data.set(lit, 4 * at);
      made.data[4 * at + 3] = 230 * (value / most) ** 0.6;
    });
    brush.putImageData(made, 0, 0);
  }, [found, app.theme.value]);
  return (
    <canvas
      ref={canvas}
      class="weights"
      width={columns}
      height={rows}
      style={{
        left: `${left * scale}px`,
        top: `${top * scale}px`,
        width: `${columns * scale}px`,
        height: `${rows * scale}px`,
      }}
      aria-hidden="true"
    />
  );
}

const slow = new WeakMap<Derived, number>();

const indexOf = (derived: Derived, layer: string): number => derived.layers.findIndex((one) => one.name === layer);

/** Whether the weights of a layer, or of one before it, took too long. */
const isSlow = (derived: Derived, layer: string): boolean => indexOf(derived, layer) >= (slow.get(derived) ?? Infinity);

const known = new WeakMap<Derived, Map<string, number>>();
const counted = signal(0);

/** The effective size of each layer as far as it is known by now: four standard deviations of its middle unit. */
export function useSizes(stops: readonly Stop[]): ReadonlyMap<string, number> {
  const app = useApp();
  const { derived } = app.edited.value;
  const found = useMemo(() => known.get(derived) ?? known.set(derived, new Map()).get(derived), [derived]);
  void counted.value;
  useEffect(() => {
    if (derived.layers.length > MOST_LAYERS) return;
    const due = stops.filter((stop) => found && !found.has(stop.layer.name) && stop.layer.out.length);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = (): void => {
      const stop = due.shift();
      if (!stop || !found || isSlow(derived, stop.layer.name)) return void (counted.value += 1);
      const begun = performance.now();
      const [rows, columns] = spatial(stop.layer.out);
      const one = effective(derived, stop.layer.name, positionOn(stop.layer.out, [rows >> 1, columns >> 1]));
      found.set(stop.layer.name, one ? SPAN * Math.min(...one.std) : NaN);
      if (performance.now() - begun > SLOW) slow.set(derived, indexOf(derived, stop.layer.name));
      timer = setTimeout(next);
    };
    timer = setTimeout(next, 60);
    return () => clearTimeout(timer);
  }, [derived, stops.map((stop) => stop.layer.name).join(" ")]);
  return found ?? new Map();
}
