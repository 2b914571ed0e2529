// The images of a cell, or all of them: only the rows that can be seen are drawn.

import { useEffect, useRef, useState } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { Tile } from "../../parts/tile.tsx";
import { shortened } from "../../words.ts";
import { className, type Seen, show } from "./cells.ts";

const SIDE = 56, WIDE = 72, ROW = 104, BESIDE = 2;

export interface Wall {
  shown: readonly Seen[];
  selected: Seen | undefined;
  width: number;
  /** Rows that can be seen at once. */
  rows?: number;
  name: string;
}

export function Gallery({ shown, selected, width, rows = 2, name }: Wall) {
  const app = useApp();
  const box = useRef<HTMLDivElement>(null);
  const [top, scrolled] = useState(0);
  const columns = Math.max(1, Math.floor((width - 4) / WIDE)), lines = Math.ceil(shown.length / columns);
  const height = Math.min(rows, lines) * ROW + (lines > rows ? 24 : 0);
  const first = Math.max(0, Math.floor(top / ROW) - BESIDE);
  const last = Math.min(lines, first + Math.ceil(height / ROW) + 2 * BESIDE);
  const pool = Math.max(1, (Math.ceil(height / ROW) + 2 * BESIDE) * columns); // elements that are used again and again
  const at = selected ? shown.findIndex((one) => one.at === selected.at) : -1;
  useEffect(() => reveal(box.current, Math.floor(at / columns)), [at, columns, shown.length]);
  const pressed = (event: KeyboardEvent): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const next = by ? at + by : event.key === "Home" ? 0 : event.key === "End" ? shown.length - 1 : -1;
    if (!shown[next]) return;
    event.preventDefault();
    show(app, shown[next], "glide");
  };
  return (
    <div
      ref={box}
      class="wall"
      role="listbox"
      tabIndex={0}
      aria-label={name}
      aria-activedescendant={at >= 0 ? idOf(shown[at]) : undefined}
      style={{ height: `${height}px` }}
      onScroll={(event) => scrolled(event.currentTarget.scrollTop)}
      onKeyDown={pressed}
    >
      <div style={{ height: `${lines * ROW}px` }} role="presentation">
        {shown.slice(first * columns, last * columns).map((one, k) => (
          <Entry
            key={(first * columns + k) % pool}
            one={one}
            on={one.at === selected?.at}
            place={first * columns + k}
            count={shown.length}
            columns={columns}
          />
        ))}
      </div>
    </div>
  );
}

const idOf = (one: Seen): string => `image-${one.at}`;

function Entry({ one, on, place, count, columns }: {
  one: Seen;
  on: boolean;
  place: number;
  count: number;
  columns: number;
}) {
  const app = useApp();
  const { image } = one;
  const sure = image.probability === null ? "" : `${Math.round(100 * image.probability)} %`;
  return (
    <div
      id={idOf(one)}
      class="entry"
      role="option"
      aria-selected={on}
      aria-setsize={count}
      aria-posinset={place + 1}
      aria-label={`${image.name}, ${inWords(app, one)}`}
      title={image.name}
      style={{ transform: `translate(${(place % columns) * WIDE}px, ${Math.floor(place / columns) * ROW}px)` }}
      onClick={() => show(app, one)}
    >
      <Tile image={image} size={SIDE} />
      <b>
        <bdi>{shortened(image.name.replace(/^(test:|.*\/)/, "").replace(/\.\w{2,4}$/, ""), 10)}</bdi>
      </b>
      <small>{sure}</small>
    </div>
  );
}

/** What was predicted for an image: true 4, predicted 9 with 76 %. */
export function inWords(app: App, { image }: Seen): string {
  const truth = image.truth === null ? "class unknown" : `true ${className(app, image.truth)}`;
  if (image.predicted === null) return `${truth}, without a prediction`;
  const sure = image.probability === null ? "" : ` with ${Math.round(100 * image.probability)} %`;
  return `${truth}, predicted ${className(app, image.predicted)}${sure}`;
}

/** Scroll a row into sight. */
function reveal(box: HTMLElement | null, row: number): void {
  if (!box || row < 0) return;
  const from = row * ROW;
  if (from < box.scrollTop) box.scrollTop = from;
  else if (from + ROW > box.scrollTop + box.clientHeight) box.scrollTop = from + ROW - box.clientHeight;
}
