// The Map: what the net is made of, and where its params, multiply-adds and memory go.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type App, useApp } from "../app.ts";
import { budgetOf, spent } from "../budget.ts";
import type { Bracket, Cost, Shown } from "../items.ts";
import { Picture } from "../parts/picture.tsx";
import { Segments } from "../parts/segments.tsx";
import { Sheet } from "../parts/sheet.tsx";
import { percent, plural } from "../words.ts";
import { Drawing } from "./map/drawing.tsx";
import { type Geometry, geometryOf, HEAD, lineOf, middle, visible } from "./map/geometry.ts";
import { List } from "./map/list.tsx";
import { COSTS, Numbers, Ribbon } from "./map/ribbon.tsx";
import { layerTable } from "./map/sheet.ts";
import { Verdict } from "./map/verdict.tsx";

/** The layer that stands for a column: the last of its layers that is not only a norm or an activation. */
function representative(shown: Shown, i: number): string {
  const item = shown.items[i];
  return item.group ? item.layers[item.layers.length - 1].name : item.key;
}

/** Fold or unfold at the selection: open what is closed there, else close the group around it. */
function fold(app: App): void {
  const open = app.open.peek(), around = app.folding.peek().around(app.layer.peek());
  const closed = around.find((group) => !open.has(group.id)) ?? around.at(-1);
  if (closed) app.toggle(closed.id);
}

export function mapKeys(app: App, event: KeyboardEvent): boolean {
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.key === "f" || event.key === "F") {
    fold(app);
    return true;
  }
  if (by === undefined && event.key !== "Home" && event.key !== "End") return false;
  const shown = app.shown.peek();
  const now = shown.itemOf(app.layer.peek());
  const last = shown.items.length - 1;
  const next = event.key === "Home" ? 0 : event.key === "End" ? last : Math.max(0, Math.min(last, now + (by ?? 0)));
  app.select(representative(shown, next));
  return true;
}

export function MapView() {
  const app = useApp();
  const { cost, budget } = app.selection.value;
  const { width, phone } = app.layout.value;
  const shown = app.shown.value;
  const pictured = app.document.images.length > 0;
  const g = useMemo(() => geometryOf(shown, width, pictured), [shown, width, pictured]);
  const selected = g.shown.itemOf(app.layer.value);
  const chosen = COSTS.find((one) => one.id === cost)?.id ?? "macs";
  const { totals, peak } = app.model.value.net;
  const limit = budgetOf(budget);
  const choose = (i: number): void => app.select(representative(g.shown, i));
  const tabs = (
    <Segments
      label="Cost"
      options={COSTS.map((one) => ({ id: one.id, name: phone ? one.short : one.name }))}
      value={chosen}
      choose={(id) => app.store.set({ cost: id })}
    />
  );
  const total = chosen === "macs" || chosen === "params" || chosen === "bytes" ? totals[chosen] : 0;
  return (
    <>
      <div class="line">
        <Verdict items={g.items} exact={totals.exact} />
        <Folds app={app} g={g} />
      </div>
      {phone
        ? (
          <>
            {tabs}
            <List g={g} cost={chosen} selected={selected} choose={choose} />
          </>
        )
        : (
          <Chart
            g={g}
            selected={selected}
            tabs={tabs}
            cost={chosen}
            total={total}
            limit={chosen === "live" && limit?.cost === "bytes" ? limit.limit : null}
            peak={peak?.layer ?? ""}
            choose={choose}
          />
        )}
      <p class="note">
        Drawing: one step taller is twice the size, one step wider twice the channels. MACs count convolutions, linear
        layers and matrix products, padding taps included; FLOPs = 2 × MACs. Memory: float32, batch 1; ▲ marks the peak.
      </p>
      <BudgetLine app={app} />
      <Sheet
        name="Show all layers as a table"
        file={`${app.document.title}.csv`}
        table={() => layerTable(app.model.value)}
      />
    </>
  );
}

function BudgetLine({ app }: { app: App }) {
  const budget = budgetOf(app.selection.value.budget);
  if (!budget) return null;
  const value = spent(app.model.value.net, budget);
  if (value === null) return <p class="budgetline">What the budget of {budget.words} is spent on is not known.</p>;
  const share = value / budget.limit;
  return (
    <p class="budgetline">
      <span class="track" role="img" aria-label={`${percent(share)} of the budget`}>
        <i class={share > 1 ? "over" : ""} style={{ width: `${100 * Math.min(1, share) / Math.max(1, share)}%` }} />
        <b style={{ left: `${100 / Math.max(1, share)}%` }} />
      </span>
      {share > 1
        ? `Over the budget of ${budget.words} by ${percent(share - 1)}.`
        : `${percent(share)} of the budget of ${budget.words} is used.`}
    </p>
  );
}

function Folds({ app, g }: { app: App; g: Geometry }) {
  const { groups } = app.folding.value;
  if (!groups.size) return null;
  const all = [...groups.keys()];
  const closed = g.items.filter((item) => item.group).length;
  return (
    <span class="buttons">
      <button
        type="button"
        class="btn"
        disabled={!g.shown.brackets.length}
        onClick={() => app.store.set({ open: "-" })}
      >
        Fold all
      </button>
      <button
        type="button"
        class="btn"
        disabled={!closed}
        title={plural(app.model.value.steps.length, "column")}
        onClick={() => app.store.set({ open: app.folding.peek().text(new Set(all)) })}
      >
        Unfold all
      </button>
    </span>
  );
}

interface ChartGiven {
  g: Geometry;
  selected: number;
  tabs: preact.ComponentChildren;
  cost: Cost;
  total: number;
  limit: number | null;
  peak: string;
  choose: (i: number) => void;
}

function Chart({ g, selected, tabs, cost, total, limit, peak, choose }: ChartGiven) {
  const app = useApp();
  const scroller = useRef<HTMLDivElement>(null);
  const band = useRef<HTMLDivElement>(null);
  const [left, scrolled] = useState(0);
  const width = app.layout.value.width;
  const [from, to] = visible(g, left, width);
  useEffect(() => {
    const one = scroller.current;
    if (!one || selected < 0) return;
    const start = g.x[selected] - HEAD - 8, end = g.x[selected + 1] + 8;
    if (start < one.scrollLeft) one.scrollLeft = start;
    else if (end > one.scrollLeft + one.clientWidth) one.scrollLeft = end - one.clientWidth;
  }, [selected, g]);
  const hover = (event: PointerEvent): void => {
    const box = scroller.current, shade = band.current;
    if (!box || !shade) return;
    const i = columnAt(g, event.clientX - box.getBoundingClientRect().left + box.scrollLeft);
    shade.style.opacity = i < 0 ? "0" : "1";
    if (i >= 0) shade.style.transform = `translateX(${g.x[i]}px) scaleX(${g.x[i + 1] - g.x[i]})`;
  };
  const click = (event: MouseEvent): void => {
    const box = scroller.current;
    if (!box || (event.target instanceof Element && event.target.closest("button"))) return;
    const i = columnAt(g, event.clientX - box.getBoundingClientRect().left + box.scrollLeft);
    if (i >= 0) choose(i);
  };
  return (
    <div
      ref={scroller}
      class="scroller"
      onScroll={(event) =>
        Math.abs(event.currentTarget.scrollLeft - left) > 150 && scrolled(event.currentTarget.scrollLeft)}
    >
      <div
        class="chart"
        style={{ width: `${g.width}px` }}
        onPointerMove={hover}
        onPointerLeave={() => band.current && (band.current.style.opacity = "0")}
        onClick={click}
      >
        {selected >= 0 && (
          <div
            class="selband"
            style={{ left: `${g.x[selected]}px`, width: `${g.x[selected + 1] - g.x[selected]}px` }}
          />
        )}
        <div ref={band} class="band" />
        <Brackets app={app} g={g} from={from} to={to} />
        <div class="drawn">
          <Drawing g={g} from={from} to={to} selected={selected} />
          {from === 0 && <InputImage app={app} g={g} />}
        </div>
        <Names g={g} from={from} to={to} selected={selected} choose={choose} />
        <div class="sticky">{tabs}</div>
        <Ribbon g={g} from={from} to={to} selected={selected} cost={cost} total={total} limit={limit} />
        <Numbers
          g={g}
          from={from}
          to={to}
          selected={selected}
          peak={peak}
          names={g.items.slice(from, to + 1).map((item) => item.title)}
        />
      </div>
    </div>
  );
}

/** The selected image, in place of the slab of the input that it fits. */
function InputImage({ app, g }: { app: App; g: Geometry }) {
  const image = app.document.images[app.selection.value.image] ?? app.document.images[0];
  const input = app.model.value.image;
  const i = g.items.findIndex((item) => item.kind === "input" && item.title === input.name);
  if (!image || i < 0) return null;
  const h = g.h[i], w = g.w[i];
  return (
    <div class="inputimage" style={{ left: `${middle(g, i) - w / 2}px`, top: `${lineOf(g, i) - h / 2}px` }}>
      <Picture image={image} width={w} height={h} />
    </div>
  );
}

function columnAt(g: Geometry, x: number): number {
  if (x < g.x[0] || x >= g.width) return -1;
  let low = 0, high = g.items.length - 1;
  while (low < high) {
    const half = (low + high + 1) >> 1;
    if (g.x[half] <= x) low = half;
    else high = half - 1;
  }
  return low;
}

const ROW = 26;

/** The groups that are open, each a bracket above its columns that folds it. */
function Brackets({ app, g, from, to }: { app: App; g: Geometry; from: number; to: number }) {
  const all = g.shown.brackets;
  if (!all.length) return null;
  const rows = Math.max(...all.map((one) => one.depth)) + 1;
  const place = (one: Bracket) => ({
    left: `${g.x[one.from] + 3}px`,
    width: `${g.x[one.to + 1] - g.x[one.from] - 6}px`,
    top: `${(rows - 1 - one.depth) * ROW}px`,
  });
  return (
    <div class="brackets" style={{ height: `${rows * ROW}px` }}>
      {all.filter((one) => one.from <= to && one.to >= from).map((one) => (
        <button
          type="button"
          key={one.group.id}
          style={place(one)}
          aria-expanded="true"
          title={`Fold ${one.group.id.startsWith("~") ? one.group.title : one.group.id}`}
          onClick={() => app.toggle(one.group.id)}
        >
          <span>▾ {one.group.title}</span>
        </button>
      ))}
    </div>
  );
}

/** The names below the drawing; a closed group unfolds here. */
function Names(
  { g, from, to, selected, choose }: {
    g: Geometry;
    from: number;
    to: number;
    selected: number;
    choose: (i: number) => void;
  },
) {
  const app = useApp();
  return (
    <div class="names" style={{ height: `${30 + 16 * g.lines}px` }}>
      {g.items.slice(from, to + 1).map((item, k) => {
        const i = from + k, on = i === selected, group = item.group;
        return (
          <div key={item.key} style={{ left: `${g.x[i]}px`, width: `${g.x[i + 1] - g.x[i]}px` }}>
            <button
              type="button"
              class={on ? "on" : ""}
              aria-pressed={on}
              data-column={i}
              tabIndex={on ? 0 : -1}
              title={group ? group.id.replace(/^~.*/, group.title) : item.key}
              onClick={() => choose(i)}
              onDblClick={() => group && app.toggle(group.id)}
            >
              <b>{item.title}</b>
            </button>
            {group
              ? (
                <button
                  type="button"
                  class="unfold"
                  aria-expanded="false"
                  aria-label={`Unfold ${item.title}`}
                  tabIndex={on ? 0 : -1}
                  onClick={() => app.toggle(group.id)}
                >
                  ▸ {item.sub}
                </button>
              )
              : <span class="sub" title={item.sub}>{item.sub}</span>}
          </div>
        );
      })}
    </div>
  );
}
