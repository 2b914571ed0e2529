// A grid of values with their numbers, a patch, a kernel or their products; those of a kernel can be changed.

import { useRef } from "preact/hooks";
import { colourOf, css, type Palette, textOn } from "../../parts/heat.ts";

interface Given {
  label: string;
  values: ArrayLike<number>;
  wide: number;
  most: number;
  palette: Palette;
  /** Taps that lie on padding. */
  padding?: readonly boolean[];
  /** A value in grey, 0 to 1, where the grid shows pixels. */
  grey?: (value: number) => number;
  /** The one that counts, as the largest of a pooling. */
  chosen?: number;
  change?: (index: number, value: number) => void;
}

/** Few digits with a true minus: −0.42, 253. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "";
  const size = Math.abs(value);
  const text = size >= 100 || Number.isInteger(value)
    ? value.toFixed(0)
    : size >= 10
    ? value.toFixed(1)
    : value.toFixed(2);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "\u2212");
}

const side = (count: number): number =>
  count <= 3 ? 52 : count <= 5 ? 34 : count <= 7 ? 30 : Math.max(6, Math.floor(240 / count));

export function Cells({ label, values, wide, most, palette, padding, grey, chosen, change }: Given) {
  const grid = useRef<HTMLDivElement>(null);
  const drag = useRef<{ index: number; y: number; value: number } | null>(null);
  const count = values.length, size = side(Math.max(wide, count / wide)), numbers = size >= 30;
  const step = Math.max(most, 1e-6) / 20;

  const focus = (index: number): void => (grid.current?.children[index] as HTMLElement | undefined)?.focus();
  const keyed = (event: KeyboardEvent, index: number): void => {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -wide, ArrowDown: wide }[event.key];
    if (by !== undefined && index + by >= 0 && index + by < count) focus(index + by);
    else if (event.key === "+" || event.key === "=") change?.(index, values[index] + step);
    else if (event.key === "-" || event.key === "_") change?.(index, values[index] - step);
    else if (event.key === "0") change?.(index, 0);
    else if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
  };
  const pressed = (event: PointerEvent, index: number): void => {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    drag.current = { index, y: event.clientY, value: values[index] };
  };
  const moved = (event: PointerEvent): void => {
    const now = drag.current;
    if (now) change?.(now.index, now.value + Math.round((now.y - event.clientY) / 4) * step);
  };
  const colour = (index: number): { background: string; color: string } => {
    const value = values[index];
    if (padding?.[index]) return { background: "transparent", color: "var(--ink3)" };
    const level = grey ? Math.round(255 * Math.max(0, Math.min(1, grey(value)))) : 0;
    const back = grey ? [level, level, level] as const : colourOf(value, most, palette);
    return { background: css(back), color: textOn(back) };
  };
  return (
    <div
      ref={grid}
      class={change ? "cells editable" : "cells"}
      role={change ? "group" : "img"}
      aria-label={change ? label : `${label}: ${Array.from(values, digits).join(", ")}`}
      style={{ gridTemplateColumns: `repeat(${wide}, ${size}px)`, gridAutoRows: `${size}px` }}
    >
      {Array.from({ length: count }, (_, index) => {
        const style = colour(index), text = padding?.[index] ? "pad" : digits(values[index]);
        const mark = index === chosen ? "cell chosen" : padding?.[index] ? "cell pad" : "cell";
        return change
          ? (
            <button
              key={index}
              type="button"
              class={mark}
              style={style}
              tabIndex={index === 0 ? 0 : -1}
              aria-label={`Weight ${Math.floor(index / wide)}, ${index % wide}: ${digits(values[index])}`}
              onKeyDown={(event) => keyed(event, index)}
              onPointerDown={(event) => pressed(event, index)}
              onPointerMove={moved}
              onPointerUp={() => drag.current = null}
              onPointerCancel={() => drag.current = null}
            >
              {numbers && text}
            </button>
          )
          : <span key={index} class={mark} style={style}>{numbers && text}</span>;
      })}
    </div>
  );
}
