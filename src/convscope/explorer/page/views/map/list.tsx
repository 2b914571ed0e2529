// The Map on a narrow screen: a list with one bar each.

import { useApp } from "../../app.ts";
import { type Cost, costOf, type Item } from "../../items.ts";
import { fieldText } from "../../model.ts";
import { Picture } from "../../parts/picture.tsx";
import { shownImage } from "../../parts/seen.ts";
import type { Group } from "../../tree.ts";
import { size } from "../../words.ts";
import { type Geometry, most } from "./geometry.ts";
import { Mini } from "./mini.tsx";
import { costText } from "./ribbon.tsx";
import { Merge, Slab } from "./slab.tsx";

const MOST = 200;

export function List(
  { g, cost, selected, choose }: { g: Geometry; cost: Cost; selected: number; choose: (i: number) => void },
) {
  const app = useApp();
  const top = most(g.items, cost) || 1;
  const first = Math.max(0, Math.min(selected - MOST / 2, g.items.length - MOST));
  const shown = g.items.slice(first, first + MOST);
  const depth = new Int32Array(g.items.length);
  for (const { from, to } of g.shown.brackets) for (let i = from; i <= to; i++) depth[i] += 1;
  const starts = (i: number) => g.shown.brackets.filter((one) => one.from === i).reverse();
  return (
    <ol class="list" start={first + 1}>
      {shown.map((item, k) => {
        const i = first + k, on = i === selected;
        return (
          <li key={item.key} class={depth[i] ? "deep" : ""}>
            {starts(i).map(({ group }) => (
              <button
                type="button"
                key={group.id}
                class="fold"
                aria-expanded="true"
                onClick={() => app.toggle(group.id)}
              >
                ▾ {group.title}
              </button>
            ))}
            <span class="row">
              <button type="button" class="pick" aria-pressed={on} data-column={i} onClick={() => choose(i)}>
                <Thumbnail g={g} i={i} on={on} />
                <span>
                  <b>{item.title}</b>
                  <br />
                  <span class="dim">{size(item.out)}</span>
                  {!item.group && item.sub && <span class="small">{item.sub}</span>}
                  <span
                    class="share"
                    data-cover="costs"
                    style={{ width: `${100 * costOf(item, cost).value / top}%` }}
                  />
                </span>
                <span class="num" data-cover="costs field">
                  {item.layers.length ? costText(costOf(item, cost), cost) : "–"}
                  <small>RF {fieldText(item.rf)}</small>
                </span>
              </button>
              {item.group && <Unfold group={item.group} sub={item.sub} />}
            </span>
          </li>
        );
      })}
    </ol>
  );
}

function Unfold({ group, sub }: { group: Group; sub: string }) {
  const app = useApp();
  return (
    <button
      type="button"
      class="unfold"
      aria-expanded="false"
      aria-label={`Unfold ${group.title}`}
      onClick={() => app.toggle(group.id)}
    >
      ▸ {sub}
    </button>
  );
}

function Thumbnail({ g, i, on }: { g: Geometry; i: number; on: boolean }) {
  const item: Item = g.items[i];
  const app = useApp(), model = app.model.value;
  const image = item.kind === "input" && item.title === model.image.name ? shownImage(app) : null;
  const h = Math.max(6, g.h[i] * 0.4), w = Math.min(46, Math.max(6, g.w[i] * 0.8));
  if (image) {
    const unit = 50 / Math.max(image.wide, image.high);
    return <Picture {...image} width={image.wide * unit} height={image.high * unit} />;
  }
  return (
    <svg width="60" height="54" aria-hidden="true">
      {item.kind === "merge"
        ? <Merge x={30} y={27} op={item.layers[0].op} on={on} />
        : item.kind === "group"
        ? <Mini model={model} item={item} x={30} y={36} wide={58} h={Math.min(h, 22)} w={w * 0.5} on={on} plain />
        : (
          <Slab
            kind={item.kind}
            x={30 - w / 2}
            y={27 - h / 2}
            w={w}
            h={h}
            slices={Math.round(Math.log2(1 + item.out[0]))}
            on={on}
          />
        )}
    </svg>
  );
}
