// A closed group in one column: its own small drawing where that is readable, else a pile.

import type { Item } from "../../items.ts";
import { type Lanes, lanesOf } from "../../lanes.ts";
import { kindOf, type Model, type Step } from "../../model.ts";
import { Merge, Slab } from "./slab.tsx";

interface Given {
  model: Model;
  item: Item;
  /** Middle of the column, its width, and the height that the group's output has. */
  x: number;
  y: number;
  wide: number;
  h: number;
  w: number;
  on: boolean;
  /** Without words: for a small picture. */
  plain?: boolean;
}

const MOST = 14, COLUMNS = 6, LANES = 5;

export function Mini(given: Given) {
  const { model, item } = given;
  const steps = model.steps.slice(item.first, item.last + 1);
  if (steps.length > MOST) return <Pile {...given} />;
  const lanes = lanesOf(steps.map((step) => inside(model, step, item.first)));
  const column = new Int32Array(steps.length);
  for (let i = 0; i < steps.length; i++) {
    for (const { from, to } of [...lanes.links, ...lanes.arcs]) {
      if (to === i) column[i] = Math.max(column[i], column[from] + 1);
    }
  }
  if (lanes.count > LANES || Math.max(...column) >= COLUMNS) return <Pile {...given} />;
  return <Small {...given} steps={steps} lanes={lanes} column={column} />;
}

const inside = (model: Model, step: Step, first: number): number[] => {
  const found = new Set<number>();
  for (const name of step.main.inputs) {
    const at = model.index.get(name) ?? -1;
    const from = at < 0 || at >= model.layers.length ? -1 : model.stepOf[at] - first;
    if (from >= 0) found.add(from);
  }
  return [...found];
};

/** The steps of a group in columns by their order along a path, its lanes around the middle, a last merge on the middle. */
function Small(
  { model, item, steps, lanes, column, x, y, wide, h, on }: Given & {
    steps: readonly Step[];
    lanes: Lanes;
    column: Int32Array;
  },
) {
  const columns = Math.max(...column) + 1, left = x - wide / 2 + 6;
  const unit = (wide - 22) / columns;
  const tall = lanes.count > 1 ? Math.min(h, Math.max(12, 112 / lanes.count)) : h;
  const gap = tall + 6;
  const last = steps.length - 1, ends = kindOf(steps[last].main) === "merge";
  const lineOf = (i: number): number => i === last && ends ? y : y + gap * (lanes.lane[i] - (lanes.count - 1) / 2);
  const at = (i: number): [number, number] => [left + 8 + unit * (column[i] + 0.5), lineOf(i)];
  const roof = y - (lanes.count * gap) / 2 - 6;
  const outside = steps.flatMap((step, i) => step.main.inputs.some((name) => !isInside(model, name, item)) ? [i] : []);
  const shortcut = (i: number): boolean =>
    lanes.lane[i] === 0 && kindOf(steps[i].main) === "merge" && (i < last || lanes.count === 1);
  const path = (i: number): string => {
    const [bx, by] = at(i);
    if (!shortcut(i)) return `M${x - wide / 2} ${y}H${left}V${by}H${bx}`;
    return `M${left} ${y}V${roof + 5}Q${left} ${roof} ${left + 5} ${roof}H${bx - 5}Q${bx} ${roof} ${bx} ${roof + 5}V${
      by - 6
    }`;
  };
  const [endX, endY] = at(last);
  return (
    <g>
      {outside.map((i) => <path key={i} class={shortcut(i) ? "arc" : "wire"} d={path(i)} />)}
      {lanes.links.map(({ from, to }) => {
        const [ax, ay] = at(from), [bx, by] = at(to);
        return <path key={`${from}-${to}`} class="wire" d={`M${ax} ${ay}H${bx}V${by}`} />;
      })}
      {lanes.arcs.map(({ from, to }) => {
        const [ax] = at(from), [bx, by] = at(to);
        const up = `M${ax + 6} ${y}V${roof + 5}Q${ax + 6} ${roof} ${ax + 11} ${roof}`;
        return (
          <path key={`${from}~${to}`} class="arc" d={`${up}H${bx - 5}Q${bx} ${roof} ${bx} ${roof + 5}V${by - 6}`} />
        );
      })}
      <path class="wire" d={`M${endX} ${endY}H${x + wide / 2 - 6}V${y}H${x + wide / 2}`} />
      {steps.map((step, i) => {
        const [sx, sy] = at(i), kind = kindOf(step.main);
        if (kind === "merge") return <Merge key={i} x={sx} y={sy} op={step.main.op} on={on} r={5} />;
        const w = Math.max(3, Math.min(unit - 3, 2 + unit * 0.08 * Math.log2(1 + step.main.out[0])));
        const own = kind === "other" ? tall * 0.5 : tall;
        return <Slab key={i} kind={kind} x={sx - w / 2} y={sy - own / 2} w={w} h={own} on={on} />;
      })}
    </g>
  );
}

function isInside(model: Model, name: string, item: Item): boolean {
  const at = model.index.get(name) ?? -1;
  return at >= 0 && at < model.layers.length && model.stepOf[at] >= item.first && model.stepOf[at] <= item.last;
}

/** A stage: slabs behind each other, with the number of shortcuts on an arc. */
function Pile({ model, item, x, y, wide, h, w, on, plain }: Given) {
  const count = Math.min(4, Math.max(2, item.group?.pieces.length ?? 2));
  const sums = model.steps.slice(item.first, item.last + 1).filter((step) => step.main.op === "add").length;
  const left = x - wide / 2 + 10, right = x + wide / 2 - 10, roof = y - h / 2 - (count - 1) * 3 - 16;
  return (
    <g>
      <path class="wire" d={`M${x - wide / 2} ${y}H${x + wide / 2}`} />
      {sums > 0 && (
        <path
          class="arc"
          d={`M${left} ${y}V${roof + 6}Q${left} ${roof} ${left + 6} ${roof}H${right - 6}Q${right} ${roof} ${right} ${
            roof + 6
          }V${y - 7}`}
        />
      )}
      {sums > 0 && !plain && (
        <text x={x} y={roof - 4} class="s mid">
          {sums} {sums === 1 ? "shortcut" : "shortcuts"}
        </text>
      )}
      {Array.from({ length: count }, (_, i) => count - 1 - i).map((i) => (
        <Slab
          key={i}
          kind="conv"
          x={x - w / 2 + (i - (count - 1) / 2) * 4}
          y={y - h / 2 - i * 3}
          w={w}
          h={h}
          slices={i ? 0 : 5}
          on={on}
        />
      ))}
      {sums > 0 && <Merge x={right} y={y} op="add" on={on} r={5} />}
    </g>
  );
}
