// The field of every layer against the size of the reader's objects.

import { useRef } from "preact/hooks";
import { useApp } from "../../app.ts";
import { ticks } from "../../d3.ts";
import { fieldText } from "../../model.ts";
import { shortened } from "../../words.ts";
import { across, exact, type Stop } from "./path.ts";
import { useSizes } from "./weight.tsx";

const LEFT = 32, RIGHT = 46, TOP = 20, BELOW = 26, TALL = 240;

interface Given {
  stops: readonly Stop[];
  width: number;
  /** The shorter side of the image. */
  side: number;
  object: number;
}

export function FieldChart({ stops, width, side, object }: Given) {
  const app = useApp();
  const svg = useRef<SVGSVGElement>(null);
  const top = Math.max(side * 1.18, object * 1.1, 4);
  const foot = TALL - BELOW, unit = (foot - TOP) / top;
  const y = (value: number): number => foot - value * unit;
  const wide = Math.max(width, LEFT + RIGHT + stops.length * 34);
  const step = (wide - LEFT - RIGHT) / Math.max(1, stops.length);
  const selected = app.layer.value;
  const sizes = useSizes(stops);
  const change = (value: number): void => {
    app.store.set({ object: Math.max(1, Math.min(Math.round(top * 1.5), Math.round(value))) }, "glide");
  };
  const drag = (event: PointerEvent): void => {
    const box = svg.current?.getBoundingClientRect();
    if (event.buttons & 1 && box) change((foot - event.clientY + box.top) / unit);
  };
  const pressed = (event: KeyboardEvent): void => {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    change(object + by);
  };
  return (
    <div class="scroller" role="region" tabIndex={0} aria-label="Fields as bars">
      <svg ref={svg} class="fieldchart" width={wide} height={TALL}>
        {ticks(0, top, 4).map((tick) => (
          <g key={tick}>
            <path d={`M${LEFT} ${y(tick)}H${wide - RIGHT}`} class="tick" />
            <text x={LEFT - 8} y={y(tick) + 4} class="s end">{tick}</text>
          </g>
        ))}
        <path d={`M${LEFT} ${y(side)}H${wide - RIGHT}`} class="imageside" />
        <text x={LEFT + 2} y={y(side) - 5} class="s">image side {side}</text>
        {stops.map((stop, i) => (
          <Bar
            key={stop.layer.name}
            stop={stop}
            weighs={sizes.get(stop.layer.name) ?? NaN}
            x={LEFT + step * i}
            w={step}
            y={y}
            top={top}
            on={stop.layer.name === selected}
            choose={() => app.select(stop.layer.name)}
          />
        ))}
        <g
          class="objectline"
          role="slider"
          tabindex={0}
          aria-label="Size of my objects in pixels"
          aria-orientation="vertical"
          aria-valuemin={1}
          aria-valuemax={Math.round(top * 1.5)}
          aria-valuenow={object}
          onKeyDown={pressed}
          onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
          onPointerMove={drag}
        >
          <rect x={LEFT} y={y(object) - 9} width={wide - LEFT} height={18} fill="transparent" />
          <path d={`M${LEFT} ${y(object)}H${wide - 38}`} />
          <rect x={wide - 40} y={y(object) - 9} width={38} height={18} rx={9} class="pill" />
          <text x={wide - 21} y={y(object) + 4} class="mid">{object}</text>
        </g>
      </svg>
    </div>
  );
}

interface BarGiven {
  stop: Stop;
  /** The size in which most of the weight lies; NaN where it is not known. */
  weighs: number;
  x: number;
  w: number;
  y: (value: number) => number;
  top: number;
  on: boolean;
  choose: () => void;
}

function Bar({ stop, weighs, x, w, y, top, on, choose }: BarGiven) {
  const value = across(stop.layer), shown = Math.min(value, top);
  const inner = Math.min(40, w * 0.6), middle = x + w / 2;
  return (
    <g class={on ? "fieldbar on" : "fieldbar"} onClick={choose}>
      <rect x={x} y={TOP} width={w} height={y(0) - TOP} fill="transparent" />
      <rect
        x={middle - inner / 2}
        y={y(shown)}
        width={inner}
        height={Math.max(0, y(0) - y(shown))}
        class={exact(stop.layer) ? "block" : "block bound"}
      />
      {weighs > 0 && (
        <rect
          x={middle - inner / 2 + 4}
          y={y(Math.min(weighs, shown))}
          width={Math.max(2, inner - 8)}
          height={Math.max(0, y(0) - y(Math.min(weighs, shown)))}
          class="within"
        />
      )}
      {value > top && (
        <path d={`M${middle - inner / 2 - 3} ${y(top) + 12}l${inner + 6} -6v6l${-inner - 6} 6z`} class="cut" />
      )}
      <text x={middle} y={y(shown) - 5} class={`mid ${on ? "a" : "b"} halo`}>
        {exact(stop.layer) ? "" : "≤ "}
        {value || "–"}
        <title>{`${stop.layer.name}: ${fieldText(stop.layer.rf)} px`}</title>
      </text>
      <text x={middle} y={TALL - 8} class={`mid ${on ? "a" : "s"}`}>
        {shortened(stop.name, Math.max(4, Math.floor(w / 7.2)))}
      </text>
    </g>
  );
}
