// What each column costs, on a linear scale, and the same in exact numbers below.

import type { ComponentChildren } from "preact";
import { type Cost, costOf, type Item } from "../../items.ts";
import { fieldText, strideText, type Sum } from "../../model.ts";
import { area, bytes, count, percent, whole } from "../../words.ts";
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
    <svg class="ribbon" width={g.width} height={base + 6} aria-hidden="true">
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

interface Row {
  name: string;
  more: string;
  cell: (item: Item) => { text: string; more?: string; strong?: boolean; dim?: boolean };
}

const cost = (id: Cost): Row["cell"] => (item) => {
  const sum = costOf(item, id);
  if (!item.layers.length) return { text: "–", dim: true };
  const plain = sum.value < 100_000 && (id === "macs" || id === "params");
  return {
    text: costText(sum, id, plain && sum.exact),
    more: costText(sum, id, true),
    dim: sum.exact && sum.value === 0,
  };
};

function rows(peak: string): Row[] {
  return [
    { name: "Size", more: "height × width of the output", cell: (item) => ({ text: area(item.out) }) },
    { name: "Channels", more: "channels of the output", cell: (item) => ({ text: whole(item.out[0] ?? 0) }) },
    { name: "Params", more: "number of parameters", cell: cost("params") },
    { name: "MACs", more: "multiply-adds for one image", cell: cost("macs") },
    { name: "Activations", more: "size of the output, float32, batch 1", cell: cost("bytes") },
    {
      name: "Live memory",
      more: "live activations while it runs, float32, batch 1",
      cell: (item) => {
        const here = item.layers.some((layer) => layer.name === peak);
        const found = cost("live")(item);
        return here
          ? { ...found, text: `▲\u2009${found.text}`, strong: true, more: `the peak: ${found.more} bytes` }
          : found;
      },
    },
    {
      name: "RF",
      more: "receptive field [input pixel]",
      cell: (item) => ({ text: fieldText(item.rf), dim: !item.rf.length }),
    },
    {
      name: "Stride",
      more: "input pixels from one unit to the next",
      cell: (item) => ({ text: strideText(item.rf), dim: !item.rf.length }),
    },
  ];
}

/** The numbers below the drawing, column for column; only the columns that can be seen are there. */
export function Numbers({ g, from, to, selected, peak, names }: Given & { peak: string; names: ComponentChildren[] }) {
  const shown = g.items.slice(from, to + 1);
  const left = g.x[from] - HEAD, right = g.width - g.x[to + 1];
  return (
    <table class="numbers" style={{ width: `${g.width}px` }}>
      <colgroup>
        <col style={{ width: `${HEAD}px` }} />
        {left > 0 && <col style={{ width: `${left}px` }} />}
        {shown.map((item, k) => <col key={item.key} style={{ width: `${g.x[from + k + 1] - g.x[from + k]}px` }} />)}
        {right > 0 && <col style={{ width: `${right}px` }} />}
      </colgroup>
      <thead class="unseen">
        <tr>
          <th scope="col">Number</th>
          {left > 0 && <td />}
          {names.map((name, k) => <th key={k} scope="col">{name}</th>)}
          {right > 0 && <td />}
        </tr>
      </thead>
      <tbody>
        {rows(peak).map((row) => (
          <tr key={row.name}>
            <th scope="row" title={row.more}>{row.name}</th>
            {left > 0 && <td />}
            {shown.map((item, k) => {
              const { text, more, strong, dim } = row.cell(item);
              const on = from + k === selected ? "on" : "";
              return (
                <td key={item.key} title={more} class={`${on} ${strong ? "strong" : ""} ${dim ? "dim" : ""}`}>
                  {text}
                </td>
              );
            })}
            {right > 0 && <td />}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
