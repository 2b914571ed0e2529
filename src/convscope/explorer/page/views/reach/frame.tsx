// The image with the field of the chosen unit on it, or an empty frame of the input's size.

import { useRef } from "preact/hooks";
import { useApp } from "../../app.ts";
import type { Effective } from "../../engine/effective.ts";
import { Picture } from "../../parts/picture.tsx";
import { shownImage } from "../../parts/seen.ts";
import { Heat } from "./weight.tsx";

export interface Frame {
  side: number;
  scale: number;
  /** Pixels of padding shown on each side. */
  margin: number;
  rows: number;
  columns: number;
}

export function frameOf(rows: number, columns: number, side: number): Frame {
  const long = Math.max(rows, columns), margin = Math.ceil(long * 0.16);
  return { side, scale: side / (long + 2 * margin), margin, rows, columns };
}

type Point = readonly [number, number];

interface Given {
  frame: Frame;
  /** The pixel under the pointer, or null when it leaves. */
  point: (pixel: Point | null, keep: boolean) => void;
  /** The weight of the pixels, to be drawn over the image. */
  weight: Effective | null;
  /** A box was drawn around an object of this size. */
  boxed: (side: number) => void;
}

/** How far a pointer moves before it draws a box [CSS pixel]. */
const DRAG = 6;

export function ImageFrame({ frame, point, weight, boxed }: Given) {
  const app = useApp();
  const place = useRef<HTMLDivElement>(null);
  const box = useRef<SVGRectElement>(null);
  const from = useRef<Point | null>(null);
  const drawn = useRef(false);
  const { scale, margin, rows, columns } = frame;
  const left = margin * scale, w = columns * scale, h = rows * scale;
  const image = shownImage(app);
  const at = (event: PointerEvent | MouseEvent): Point => {
    const { top, left } = place.current?.getBoundingClientRect() ?? { top: 0, left: 0 };
    return [(event.clientY - top) / scale - margin, (event.clientX - left) / scale - margin];
  };
  const moved = (event: PointerEvent): void => {
    const to = at(event), start = from.current;
    if (!start || !(event.buttons & 1)) return point(to, false);
    drawn.current ||= Math.max(...to.map((value, i) => Math.abs(value - start[i]))) * scale > DRAG;
    if (drawn.current && box.current) {
      outline(
        box.current,
        frame,
        start.map((value, i) => Math.min(value, to[i])),
        start.map((v, i) => Math.max(v, to[i])),
      );
    }
  };
  const released = (event: PointerEvent): void => {
    const to = at(event), start = from.current;
    from.current = null;
    if (!start || !drawn.current) return;
    boxed(Math.max(1, Math.round(Math.max(...to.map((value, i) => Math.abs(value - start[i]))))));
  };
  return (
    <div
      ref={place}
      class="imageframe"
      style={{ width: `${w + 2 * left}px`, height: `${h + 2 * left}px` }}
      onPointerDown={(event) => {
        [from.current, drawn.current] = [at(event), false];
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={moved}
      onPointerUp={released}
      onPointerLeave={() => point(null, false)}
      onClick={(event) => !drawn.current && point(at(event), true)}
    >
      <span class="lab padding">padding</span>
      <div class="pixels" style={{ left: `${left}px`, top: `${left}px`, width: `${w}px`, height: `${h}px` }}>
        {image ? <Picture {...image} width={w} height={h} /> : null}
      </div>
      {weight && (
        <div
          class="pixels heat"
          data-cover="field"
          style={{ left: `${left}px`, top: `${left}px`, width: `${w}px`, height: `${h}px` }}
        >
          <Heat found={weight} scale={scale} />
        </div>
      )}
      <svg
        width={w + 2 * left}
        height={h + 2 * left}
        data-cover="field"
        class={weight ? "fieldbox bare" : "fieldbox"}
        aria-hidden="true"
      >
        <rect class="dark" />
        <rect class="light" />
      </svg>
      <svg width={w + 2 * left} height={h + 2 * left} class="objectbox" aria-hidden="true">
        <rect ref={box} />
      </svg>
    </div>
  );
}

/** Put a rectangle around pixels, from the first corner up to the last. */
function outline(
  shape: Element,
  { scale, margin }: Frame,
  [y, x]: readonly number[],
  [to, end]: readonly number[],
): void {
  shape.setAttribute("x", String((x + margin) * scale));
  shape.setAttribute("y", String((y + margin) * scale));
  shape.setAttribute("width", String(Math.max(0, end - x) * scale));
  shape.setAttribute("height", String(Math.max(0, to - y) * scale));
}

/** Put the box of a field on the image, in pixels that may lie on the padding. */
export function showField(
  place: Element | null,
  frame: Frame,
  rows: readonly number[],
  columns: readonly number[],
): void {
  for (const shape of place?.querySelectorAll(".fieldbox rect") ?? []) {
    outline(shape, frame, [rows[0], columns[0]], [rows[1] + 1, columns[1] + 1]);
  }
}
