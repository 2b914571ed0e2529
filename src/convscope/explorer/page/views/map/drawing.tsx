// The net as a drawing: blocks in proportion, what flows between them, and what is read again further on.

import { useApp } from "../../app.ts";
import type { Arc, Link } from "../../lanes.ts";
import { size, whole } from "../../words.ts";
import { type Geometry, lineOf, middle, rise } from "./geometry.ts";
import { Mini } from "./mini.tsx";
import { Merge, Slab } from "./slab.tsx";

interface Given {
  g: Geometry;
  from: number;
  to: number;
  selected: number;
}

const meets = (one: { from: number; to: number }, from: number, to: number): boolean =>
  one.from <= to && one.to >= from;

export function Drawing({ g, from, to, selected }: Given) {
  const links = g.lanes.links.filter((link) => meets(link, from, to));
  const arcs = g.lanes.arcs.filter((arc) => meets(arc, from, to));
  const middleLine = g.y[0];
  return (
    <svg class="drawing" width={g.width} height={g.height} role="img" aria-label={described(g)}>
      <text x="0" y={middleLine - 18} class="b">Net</text>
      <text x="0" y={middleLine - 2} class="s">height: size</text>
      <text x="0" y={middleLine + 14} class="s">width: channels</text>
      <text x="0" y={middleLine + 30} class="s">log scale</text>
      {links.map((link) => <Flow key={`${link.from}-${link.to}`} g={g} link={link} />)}
      {arcs.map((arc) => <Over key={`${arc.from}-${arc.to}`} g={g} arc={arc} />)}
      {g.items.slice(from, to + 1).map((item, k) => (
        <Shape key={item.key} g={g} i={from + k} on={from + k === selected} />
      ))}
    </svg>
  );
}

function described(g: Geometry): string {
  const { items, lanes } = g;
  const last = items[items.length - 1];
  const parts = [`A drawing of the net: ${whole(items.length)} blocks from ${items[0].title}, ${size(items[0].out)},`];
  parts.push(`to ${last.title}, ${size(last.out)}.`);
  if (lanes.arcs.length) parts.push(`${whole(lanes.arcs.length)} shortcuts.`);
  if (lanes.count > 1) parts.push(`${lanes.count} paths beside each other at most.`);
  return parts.join(" ");
}

function Shape({ g, i, on }: { g: Geometry; i: number; on: boolean }) {
  const app = useApp(), model = app.model.value;
  const item = g.items[i];
  const x = middle(g, i), y = lineOf(g, i), w = g.w[i], h = g.h[i];
  if (item.layers.length && !item.out.length) {
    const wrong = app.edited.value.errors.some((error) => item.layers.some((layer) => layer.name === error.layer));
    return <Unknown x={x} y={y} wrong={wrong} on={on} />;
  }
  if (item.kind === "group") {
    return <Mini model={model} item={item} x={x} y={y} wide={g.x[i + 1] - g.x[i]} h={h} w={w} on={on} />;
  }
  if (item.kind === "merge") return <Merge x={x} y={y} op={item.layers[0].op} on={on} />;
  const slices = Math.round(Math.log2(1 + (item.out[0] ?? 1)));
  return <Slab kind={item.kind} x={x - w / 2} y={y - h / 2} w={w} h={h} slices={slices} on={on} />;
}

/** What has no size: where it does not fit, and everything after that. */
const Unknown = ({ x, y, wrong, on }: { x: number; y: number; wrong: boolean; on: boolean }) => (
  <g class={`unknownbox${wrong ? " wrongbox" : ""}${on ? " on" : ""}`}>
    <rect x={x - (wrong ? 20 : 11)} y={y - (wrong ? 20 : 11)} width={wrong ? 40 : 22} height={wrong ? 40 : 22} />
    {wrong && <text x={x} y={y + 5} class="mid b">!</text>}
  </g>
);

/** From the middle of an item to its edge: where its lines begin. */
const half = (g: Geometry, i: number): number => {
  const { kind } = g.items[i];
  return kind === "merge" ? 8 : kind === "group" ? (g.x[i + 1] - g.x[i]) / 2 : g.w[i] / 2;
};
const solid = (g: Geometry, i: number): boolean => g.items[i].kind !== "merge" && g.items[i].kind !== "group";

/** What one item gives the next: a funnel between neighbours, a line otherwise. */
function Flow({ g, link: { from, to, route } }: { g: Geometry; link: Link }) {
  const ax = middle(g, from) + half(g, from), bx = middle(g, to) - half(g, to);
  const ay = lineOf(g, from), by = lineOf(g, to);
  if (route === "next" && to === from + 1 && solid(g, from) && solid(g, to)) {
    const a = g.h[from] / 2, b = g.h[to] / 2;
    return <path class="funnel" d={`M${ax} ${ay - a}L${bx} ${by - b}V${by + b}L${ax} ${ay + a}Z`} />;
  }
  if (route === "fork") {
    const turn = g.x[from + 1];
    return (
      <path
        class="wire"
        d={`M${ax} ${ay}H${turn - 4}Q${turn} ${ay} ${turn} ${ay + 4}V${by - 4}Q${turn} ${by} ${turn + 4} ${by}H${bx}`}
      />
    );
  }
  if (route === "merge") {
    const end = middle(g, to), foot = by + (by < ay ? 8 : -8);
    return <path class="wire" d={`M${ax} ${ay}H${end - 4}Q${end} ${ay} ${end} ${ay + (by < ay ? -4 : 4)}V${foot}`} />;
  }
  return <path class="wire" d={`M${ax} ${ay}H${bx}`} />;
}

/** A value that is read again, above everything that it passes. */
function Over({ g, arc: { from, to, level } }: { g: Geometry; arc: Arc }) {
  const ax = middle(g, from) + half(g, from) + 4, bx = middle(g, to) - (g.items[to].kind === "merge" ? 0 : 4);
  const ay = lineOf(g, from), by = lineOf(g, to);
  const lane = Math.min(g.lanes.lane[from], g.lanes.lane[to]);
  let tall = 0;
  for (let i = from; i <= to; i++) if (g.lanes.lane[i] === lane) tall = Math.max(tall, g.h[i]);
  const roof = g.y[lane] - tall / 2 - rise(level) + 6;
  const end = by - (g.items[to].kind === "merge" ? 9 : g.h[to] / 2);
  return (
    <g class="arc">
      <path
        d={`M${ax} ${ay}V${roof + 8}Q${ax} ${roof} ${ax + 8} ${roof}H${bx - 8}Q${bx} ${roof} ${bx} ${roof + 8}V${end}`}
      />
      <path d={`M${bx - 3} ${end - 5}l3 5 3-5`} />
    </g>
  );
}
