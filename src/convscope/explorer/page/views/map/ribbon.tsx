// What each column costs, on a linear scale, and the same in exact numbers below.

import { type Cost, costOf, type Item } from "../../items.ts";
import type { Sum } from "../../model.ts";
import { bytes, count, percent, whole } from "../../words.ts";
import { type Geometry, HEAD, most } from "./geometry.ts";

export const COSTS: readonly { id: Cost; name: string; short: string }[] = [
  { id: "macs", name: "MACs", short: "MACs" },
  { id: "params", name: "Params", short: "Params" },
  { id: "bytes", name: "Activations", short: "Activ." },
  { id: "live", name: "Live memory", short: "Live mem." },
];

export const written = (value: number, cost: Cost): string =>
  cost === "bytes" || cost === "live" ? bytes(value) : count(value);

export const costText = (sum: Sum, cost: Cost, exact = false): string => {
  if (!sum.exact && sum.value === 0) return "unknown";
  return (sum.exact ? "" : "≥ ") + (exact ? whole(sum.value) : written(sum.value, cost));
};

interface Given {
  g: Geometry;
  from: number;
  to: number;
  selected: number;
}

const TALL = 92;

export function Ribbon(
  { g, from, to, selected, cost, total, limit }: Given & { cost: Cost; total: number; limit: number | null },
) {
  const top = Math.max(most(g.items, cost), limit ?? 0) || 1;
  const name = COSTS.find((one) => one.id === cost)?.name ?? "";
  const base = TALL + 34;
  return (
    <svg class="ribbon" data-cover="costs" width={g.width} height={base + 6} aria-hidden="true">
      <text x="0" y="22" class="b">{name}</text>
      <text x="0" y="38" class="s">linear scale</text>
      <path d={`M${HEAD} ${base + 0.5}H${g.width}`} class="rule" />
      {limit !== null && <Limit y={base - TALL * limit / top} g={g} words={`budget ${written(limit, cost)}`} />}
      {g.items.slice(from, to + 1).map((item, k) => (
        <Bar
          key={item.key}
          g={g}
          i={from + k}
          item={item}
          on={from + k === selected}
          top={top}
          total={total}
          cost={cost}
          base={base}
        />
      ))}
    </svg>
  );
}

const Limit = ({ y, g, words }: { y: number; g: Geometry; words: string }) => (
  <g>
    <path d={`M${HEAD} ${y}H${g.width}`} class="limit" />
    <text x={g.width - 4} y={y - 4} class="s end">{words}</text>
  </g>
);

interface One {
  g: Geometry;
  i: number;
  item: Item;
  on: boolean;
  top: number;
  total: number;
  cost: Cost;
  base: number;
}

function Bar({ g, i, item, on, top, total, cost, base }: One) {
  const sum = costOf(item, cost);
  const x = g.x[i] + 1, w = g.x[i + 1] - g.x[i] - 2, h = TALL * sum.value / top, mid = x + w / 2;
  if (!sum.exact && sum.value === 0) {
    return item.layers.length ? <text x={mid} y={base - 6} class="s mid">unknown</text> : null;
  }
  if (sum.value === 0) return null;
  const share = cost === "live" ? 0 : sum.value / total;
  const strong = sum.value === top ? "b" : "s";
  const words = (sum.exact ? "" : "≥ ") + written(sum.value, cost);
  const lines = share >= 0.01 ? [words, percent(share)] : [words];
  const joined = lines.join(" · ");
  const fits = w > joined.length * 6.7;
  return (
    <g>
      <rect x={x} y={base - h} width={w} height={h} fill={on ? "var(--accent)" : "var(--slab2)"} />
      {(fits ? [joined] : lines).map((line, k, all) => (
        <text key={k} x={mid} y={base - h - 5 - 12 * (all.length - 1 - k)} class={`mid ${on ? "a" : strong}`}>
          {line}
        </text>
      ))}
    </g>
  );
}
