// What the layers make of the image, in grey behind the grids of units: one canvas for all of them.

import { useEffect, useRef } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { type Colour, colourOfToken } from "../../parts/heat.ts";
import type { Cell } from "./strip.tsx";

const WAIT = 30; // [ms]: the view is drawn first, since the net may take a moment
const DARKEST = 0.6;

/** The root of the mean square over the channels, at each position. */
function strengths(values: Float32Array, area: number): Float32Array {
  const found = new Float32Array(area), channels = values.length / area;
  for (let at = 0; at < values.length; at++) found[at % area] += values[at] ** 2 / channels;
  return found.map(Math.sqrt);
}

function greys(values: Float32Array, cell: Cell, wash: Colour, ink: Colour): ImageData {
  const { rows, columns } = cell.stop, found = strengths(values, rows * columns);
  const most = found.reduce((all, one) => Math.max(all, one), 0) || 1;
  const made = new ImageData(columns, rows);
  found.forEach((value, at) => {
    const by = DARKEST * value / most;
    made.data.set([0, 1, 2].map((i) => wash[i] + (ink[i] - wash[i]) * by), 4 * at);
    made.data[4 * at + 3] = 255;
  });
  return made;
}

/** Draw the maps of all layers that have one; returns whether there are any. */
function draw(app: App, canvas: HTMLCanvasElement, cells: readonly Cell[]): boolean {
  const brush = canvas.getContext("2d");
  brush?.clearRect(0, 0, canvas.width, canvas.height);
  if (!brush || !app.lab.input.peek() || !app.lab.fit.peek().own) return false;
  const wash = colourOfToken(canvas, "--wash"), ink = colourOfToken(canvas, "--ink");
  brush.imageSmoothingEnabled = false;
  for (const cell of cells) {
    const { rows, columns, layer } = cell.stop;
    const values = rows * columns > 1 ? app.lab.values(layer.name) : "";
    if (typeof values === "string") continue;
    const own = new OffscreenCanvas(columns, rows);
    own.getContext("2d")?.putImageData(greys(values, cell, wash, ink), 0, 0);
    brush.drawImage(own, cell.x, cell.y, cell.w, cell.h);
  }
  return true;
}

export function Maps({ cells, width, height }: { cells: readonly Cell[]; width: number; height: number }) {
  const app = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const timer = setTimeout(() => {
      const one = canvas.current;
      if (one?.parentElement) one.parentElement.dataset.mapped = String(draw(app, one, cells));
    }, WAIT);
    return () => clearTimeout(timer);
  }, [cells, app.lab.input.value, app.lab.fit.value, app.theme.value]);
  return <canvas ref={canvas} class="maps" width={Math.ceil(width)} height={Math.ceil(height)} aria-hidden="true" />;
}
