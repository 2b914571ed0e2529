// The columns of a net, which the Map and the Bench share: one x axis for drawing, names and numbers.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import type { Bracket, Shown } from "../../items.ts";
import { Picture } from "../../parts/picture.tsx";
import { shownImage } from "../../parts/seen.ts";
import { shortened } from "../../words.ts";
import { Drawing } from "./drawing.tsx";
import { type Geometry, HEAD, lineOf, middle, visible } from "./geometry.ts";
import { Numbers, type Row } from "./numbers.tsx";

/** The layer that stands for a column: the last of its layers that is not only a norm or an activation. */
export function representative(shown: Shown, i: number): string {
  const item = shown.items[i];
  return item.group ? item.layers[item.layers.length - 1].name : item.key;
}

/** Fold or unfold at the selection: open what is closed there, else close the group around it. */
function fold(app: App): void {
  const open = app.open.peek(), around = app.folding.peek().around(app.layer.peek());
  const closed = around.find((group) => !open.has(group.id)) ?? around.at(-1);
  if (closed) app.toggle(closed.id);
}

export function columnKeys(app: App, event: KeyboardEvent): boolean {
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

/** Which columns are drawn, and which one is selected. */
export interface Seen {
  from: number;
  to: number;
  selected: number;
}

interface Given {
  g: Geometry;
  rows: readonly Row[];
  /** What lies between the names and the numbers. */
  between?: (seen: Seen) => ComponentChildren;
}

/** The columns of a net: drawing, names and numbers above each other; only those that can be seen are there. */
export function Columns({ g, rows, between }: Given) {
  const app = useApp();
  const scroller = useRef<HTMLDivElement>(null);
  const band = useRef<HTMLDivElement>(null);
  const [left, scrolled] = useState(0);
  const width = app.layout.value.width;
  const selected = g.shown.itemOf(app.layer.value);
  const choose = (i: number): void => app.select(representative(g.shown, i));
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
        {between?.({ from, to, selected })}
        <Numbers g={g} from={from} to={to} selected={selected} rows={rows} />
      </div>
    </div>
  );
}

/** The selected image, in place of the slab of the input that it fits. */
function InputImage({ app, g }: { app: App; g: Geometry }) {
  const input = app.model.value.image;
  const i = g.items.findIndex((item) => item.kind === "input" && item.title === input.name);
  const image = shownImage(app);
  if (!image || i < 0) return null;
  const h = g.h[i], w = g.w[i];
  return (
    <div class="inputimage" style={{ left: `${middle(g, i) - w / 2}px`, top: `${lineOf(g, i) - h / 2}px` }}>
      <Picture {...image} width={w} height={h} />
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
              <b>{shortened(item.title, Math.max(6, Math.floor((g.x[i + 1] - g.x[i]) / 6.9)))}</b>
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
