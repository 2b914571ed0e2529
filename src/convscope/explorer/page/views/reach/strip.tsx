// The layers as grids of units: what the chosen unit reads is lit from it back to the image, what reads it is dashed.

import { useMemo, useRef } from "preact/hooks";
import { useApp } from "../../app.ts";
import type { Box } from "../../engine/reach.ts";
import { area, shortened } from "../../words.ts";
import { Maps } from "./maps.tsx";
import { spatial, type Stop } from "./path.ts";

export interface Cell {
  stop: Stop;
  x: number;
  y: number;
  w: number;
  h: number;
}

const GAP = 16, SIDE = 84, LEAST = 72, TOP = 8, LINES = 32;

/** Lay out the grids: all of one height line, in the order of the net. */
export function cellsOf(stops: readonly Stop[], width: number): Cell[] {
  const side = Math.max(LEAST, Math.min(SIDE, (width - GAP * (stops.length - 1)) / Math.max(1, stops.length)));
  let x = 2;
  return stops.map((stop) => {
    const long = Math.max(stop.rows, stop.columns);
    const shown = long === 1 ? side * 0.42 : side;
    const w = Math.max(6, shown * stop.columns / long), h = Math.max(6, shown * stop.rows / long);
    const cell = { stop, x, y: TOP + (side - h) / 2, w, h };
    x += Math.max(w, LEAST) + GAP;
    return cell;
  });
}

type Ends = readonly [number, number];

/** Rows and columns of a box of a layer. */
export function ends(box: Box): [Ends, Ends] {
  const one: Ends = [0, 0];
  return box.length > 2 ? [box[box.length - 2], box[box.length - 1]] : [one, box.length === 2 ? box[1] : one];
}

/** A box of units as a rectangle on its grid. */
export function rectangle(cell: Cell, box: Box) {
  const [rows, columns] = ends(box);
  const unitX = cell.w / cell.stop.columns, unitY = cell.h / cell.stop.rows;
  return {
    x: cell.x + columns[0] * unitX,
    y: cell.y + rows[0] * unitY,
    w: (columns[1] - columns[0] + 1) * unitX,
    h: (rows[1] - rows[0] + 1) * unitY,
  };
}

function lines({ x, y, w, h, stop: { rows, columns } }: Cell): string {
  if (Math.max(rows, columns) > LINES) return "";
  let path = "";
  for (let i = 1; i < columns; i++) path += `M${(x + w * i / columns).toFixed(2)} ${y}v${h}`;
  for (let i = 1; i < rows; i++) path += `M${x} ${(y + h * i / rows).toFixed(2)}h${w}`;
  return path;
}

interface Given {
  cells: readonly Cell[];
  hover: (layer: string, unit: readonly [number, number] | null) => void;
}

/** The grids. Nothing here changes while the pointer moves: that is drawn by the overlay. */
export function Strip({ cells, hover }: Given) {
  const app = useApp();
  const last = cells[cells.length - 1];
  const width = last ? last.x + Math.max(last.w, LEAST) + 4 : 0;
  const tall = Math.max(...cells.map((cell) => cell.y + cell.h), 0);
  const svg = useRef<SVGSVGElement>(null);
  const selected = app.layer.value;
  const at = (event: PointerEvent | MouseEvent): [Cell, [number, number]] | null => {
    const box = svg.current?.getBoundingClientRect();
    if (!box) return null;
    const x = event.clientX - box.left, y = event.clientY - box.top;
    const cell = cells.find((one) => x >= one.x && x < one.x + one.w && y >= one.y && y < one.y + one.h);
    if (!cell) return null;
    const { rows, columns } = cell.stop;
    return [cell, [Math.floor((y - cell.y) / cell.h * rows), Math.floor((x - cell.x) / cell.w * columns)]];
  };
  const moved = (event: PointerEvent): void => {
    const found = at(event);
    if (found) hover(found[0].stop.layer.name, found[1]);
    else hover("", null);
  };
  const drawn = useMemo(() => cells.map((cell) => <Grid key={cell.stop.layer.name} cell={cell} />), [cells]);
  return (
    <div class="stripbox">
      <Maps cells={cells} width={width} height={tall + 1} />
      <svg
        ref={svg}
        class="strip"
        width={width}
        height={tall + 42}
        onPointerMove={moved}
        onPointerLeave={() => hover("", null)}
        onClick={(event) => {
          const found = at(event);
          if (found) app.store.set({ layer: found[0].stop.layer.name, unit: found[1], channel: null });
        }}
      >
        {drawn}
        <g class="rays" />
        <g class="over" />
        {cells.map((cell) => (
          <text
            key={cell.stop.layer.name}
            x={cell.x}
            y={tall + 18}
            class={cell.stop.layer.name === selected ? "a" : "b"}
          >
            {shortened(cell.stop.name, 10)}
            <title>{cell.stop.layer.name}</title>
          </text>
        ))}
        {cells.map((cell) => (
          <text key={cell.stop.layer.name} x={cell.x} y={tall + 34} class="s" data-size={cell.stop.layer.name}>
            {area(cell.stop.layer.out)}
          </text>
        ))}
      </svg>
    </div>
  );
}

function Grid({ cell }: { cell: Cell }) {
  const app = useApp();
  const { layer, rows, columns } = cell.stop;
  const pressed = (event: KeyboardEvent): void => {
    const by = MOVES[event.key];
    if (!by) return;
    event.preventDefault();
    moveUnit(app, layer.name, by);
  };
  return (
    <g
      class="grid"
      tabindex={0}
      role="button"
      aria-label={`${layer.name}: ${rows} by ${columns} units; arrow keys move the unit`}
      onKeyDown={pressed}
      onFocus={() => app.layer.peek() !== layer.name && app.store.set({ layer: layer.name, unit: null, channel: null })}
    >
      <rect x={cell.x} y={cell.y} width={cell.w} height={cell.h} class="units" />
      <path d={lines(cell)} class="lines" />
    </g>
  );
}

export const MOVES: Record<string, readonly [number, number] | undefined> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
};

/** Move the selected unit of a layer by rows and columns, within its map. */
export function moveUnit(
  app: ReturnType<typeof useApp>,
  layer: string,
  [down, right]: readonly [number, number],
): void {
  const [rows, columns] = spatial(app.model.peek().shape(layer));
  const [y, x] = app.store.now.unit ?? [rows >> 1, columns >> 1];
  const to = (value: number, size: number): number => Math.max(0, Math.min(size - 1, value));
  app.store.set({ layer, unit: [to(y + down, rows), to(x + right, columns)] }, "glide");
}
