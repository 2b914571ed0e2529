// What follows the pointer: only attributes of shapes that are there already change.

import type { App } from "../../app.ts";
import { type Box, reach, readers } from "../../engine/reach.ts";
import { positionOn } from "./path.ts";
import { type Cell, ends, rectangle } from "./strip.tsx";

const SVG = "http://www.w3.org/2000/svg";

const set = (shape: Element, values: Record<string, string | number>): void => {
  for (const [name, value] of Object.entries(values)) shape.setAttribute(name, String(value));
};

/** Along the paths that keep their positions, as the sizes of the fields are meant. */
const PATHS = { gates: false };

/** Shapes over the strip and the image, and how to move them to a unit. */
export class Overlay {
  readonly #app: App;
  readonly #cells: readonly Cell[];
  readonly #boxes: SVGRectElement[] = [];
  readonly #dashed: SVGRectElement[] = [];
  readonly #rays: SVGPathElement[] = [];
  readonly #sizes: (Element | null)[];
  readonly #wrapped: readonly string[];

  constructor(app: App, strip: SVGSVGElement, cells: readonly Cell[]) {
    this.#app = app;
    this.#cells = cells;
    this.#wrapped = cells.map((cell) => cell.stop.layer.name);
    const over = strip.querySelector(".over"), rays = strip.querySelector(".rays");
    over?.replaceChildren();
    rays?.replaceChildren();
    const make = <T extends SVGElement>(name: string, css: string, into: Element | null): T => {
      const shape = document.createElementNS(SVG, name) as T;
      shape.setAttribute("class", css);
      into?.append(shape);
      return shape;
    };
    cells.forEach(() => {
      this.#rays.push(make("path", "ray", rays));
      this.#dashed.push(make("rect", "dashed", over));
      this.#boxes.push(make("rect", "lit", over));
    });
    this.#sizes = this.#wrapped.map((name) => strip.querySelector(`[data-size="${CSS.escape(name)}"]`));
  }

  /** Light a unit of a layer; returns what it reads of the input. */
  light(layer: string, unit: readonly [number, number]): Box | undefined {
    const begun = performance.now();
    const { derived } = this.#app.edited.peek(), at = positionOn(this.#app.model.peek().shape(layer), unit);
    const behind = reach(derived, layer, at, PATHS), ahead = readers(derived, layer, at, PATHS);
    let before: { x: number; y: number; w: number; h: number } | null = null;
    this.#cells.forEach((cell, i) => {
      const name = this.#wrapped[i];
      const box = behind.get(name), read = ahead.get(name);
      const lit = box ? rectangle(cell, box) : null;
      place(this.#boxes[i], lit);
      place(this.#dashed[i], !lit && read ? rectangle(cell, read) : null);
      set(this.#rays[i], { d: before && lit ? ray(before, lit) : "" });
      before = lit;
      const words = this.#sizes[i];
      if (words) words.textContent = caption(cell, box, read, name === layer ? unit : null);
    });
    performance.measure("convscope-reach", { start: begun, end: performance.now() });
    return behind.get(this.#app.model.peek().image.name);
  }
}

function caption(cell: Cell, box: Box | undefined, read: Box | undefined, unit: readonly number[] | null): string {
  const { rows, columns } = cell.stop;
  if (unit) {
    return rows * columns === 1
      ? "all of it"
      : `unit ${positionOn(cell.stop.layer.out, [unit[0], unit[1]]).join(", ")}`;
  }
  const shown = box ?? read;
  if (!shown) return `${rows}×${columns}`;
  const [y, x] = ends(shown);
  return `${y[1] - y[0] + 1}×${x[1] - x[0] + 1} ${box ? "read" : "readers"}`;
}

function place(shape: Element, at: { x: number; y: number; w: number; h: number } | null): void {
  set(shape, at ? { x: at.x, y: at.y, width: at.w, height: at.h, visibility: "visible" } : { visibility: "hidden" });
}

const ray = (a: { x: number; y: number; w: number; h: number }, b: { x: number; y: number; h: number }): string =>
  `M${a.x + a.w} ${a.y}L${b.x} ${b.y}V${b.y + b.h}L${a.x + a.w} ${a.y + a.h}Z`;
