// Exact numbers, column for column with the drawing above them.

import { type Cost, costOf, type Item } from "../../items.ts";
import { fieldText, strideText } from "../../model.ts";
import { area, whole } from "../../words.ts";
import { type Geometry, HEAD } from "./geometry.ts";
import { costText } from "./ribbon.tsx";

/** A row of numbers: one for each column. */
export interface Row {
  name: string;
  more: string;
  cell: (item: Item) => { text: string; more?: string; strong?: boolean; dim?: boolean; delta?: string };
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

/** The rows of the Map; `peak` is the layer at which the most memory is alive. */
export function costRows(peak: string): Row[] {
  return [
    { name: "Size", more: "height × width of the output", cell: (item) => ({ text: area(item.out) }) },
    {
      name: "Channels",
      more: "channels of the output",
      cell: (item) => ({ text: item.out.length ? whole(item.out[0]) : "unknown" }),
    },
    { name: "Params", more: "number of parameters", cell: cost("params") },
    { name: "MACs", more: "multiply-adds for one image", cell: cost("macs") },
    {
      name: "Activations",
      more: "outputs of its layers together, with norm and activation, float32, batch 1",
      cell: cost("bytes"),
    },
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

interface Given {
  g: Geometry;
  from: number;
  to: number;
  selected: number;
  rows: readonly Row[];
}

/** The numbers below the drawing, column for column; only the columns that can be seen are there. */
export function Numbers({ g, from, to, selected, rows }: Given) {
  const shown = g.items.slice(from, to + 1);
  const left = g.x[from] - HEAD, right = g.width - g.x[to + 1];
  return (
    <table class="numbers" data-cover="costs field" style={{ width: `${g.width}px` }}>
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
          {shown.map((item) => <th key={item.key} scope="col">{item.title}</th>)}
          {right > 0 && <td />}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.name}>
            <th scope="row" title={row.more}>{row.name}</th>
            {left > 0 && <td />}
            {shown.map((item, k) => <One key={item.key} item={item} row={row} on={from + k === selected} />)}
            {right > 0 && <td />}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function One({ item, row, on }: { item: Item; row: Row; on: boolean }) {
  const { text, more, strong, dim, delta } = row.cell(item);
  return (
    <td title={more} class={`${on ? "on" : ""} ${strong ? "strong" : ""} ${dim ? "dim" : ""}`}>
      {text}
      {delta && <small>{delta}</small>}
    </td>
  );
}
