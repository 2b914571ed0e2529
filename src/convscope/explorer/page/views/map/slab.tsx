// A block of the drawing: a convolution has slices, pooling is hatched, a linear layer is dense.

import type { Kind } from "../../model.ts";

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

interface Given extends Box {
  kind: Kind | "input" | "group";
  slices?: number;
  on?: boolean;
}

export function Slab({ kind, x, y, w, h, slices = 0, on = false }: Given) {
  const lines = kind === "conv" ? Math.min(slices, Math.floor(w / 4)) : 0;
  const fill = kind === "linear"
    ? "var(--slab2)"
    : kind === "other" || kind === "input"
    ? "var(--paper)"
    : "var(--slab)";
  return (
    <g class={on ? "slab on" : "slab"}>
      <rect x={x} y={y} width={w} height={h} fill={fill} />
      {kind === "pool" && <path d={hatch(x, y, w, h)} class="grain" />}
      {lines > 1 && (
        <path
          d={Array.from({ length: lines - 1 }, (_, i) => `M${x + w * (i + 1) / lines} ${y}v${h}`).join("")}
          class="grain"
        />
      )}
      <rect x={x} y={y} width={w} height={h} class="edge" />
    </g>
  );
}

/** Diagonal lines inside of a box. */
function hatch(x: number, y: number, w: number, h: number): string {
  let path = "";
  for (let at = 5; at < w + h; at += 5) {
    const fromX = Math.min(at, w), fromY = Math.max(0, at - w), toX = Math.max(0, at - h), toY = Math.min(at, h);
    path += `M${(x + fromX).toFixed(1)} ${(y + fromY).toFixed(1)}L${(x + toX).toFixed(1)} ${(y + toY).toFixed(1)}`;
  }
  return path;
}

const SIGNS: Record<string, string> = {
  add: "M-3.5 0h7M0-3.5v7",
  sub: "M-3.5 0h7",
  mul: "M-2.5-2.5l5 5M2.5-2.5l-5 5",
  div: "M-2 4L2-4",
  cat: "M-3-2h6M-3 2h6",
};

/** Where paths meet: a sum, a product, or maps put on each other. */
export function Merge({ x, y, op, on = false, r = 8 }: { x: number; y: number; op: string; on?: boolean; r?: number }) {
  return (
    <g class={on ? "merge on" : "merge"} transform={`translate(${x} ${y})`}>
      <circle r={r} />
      <path d={SIGNS[op] ?? "M-3.5 0h7M0-3.5v7"} transform={`scale(${r / 8})`} />
    </g>
  );
}
