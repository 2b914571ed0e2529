// A picture of values, each a square, never smoothed; a window over it; a pointer and arrow keys that move.

import type { ComponentChildren } from "preact";
import { Picture } from "./picture.tsx";

interface Given {
  wide: number;
  high: number;
  /** Side of a value on the screen [CSS pixel]. */
  zoom: number;
  label: string;
  paint: () => ImageData;
  /** What the picture depends on. */
  on: readonly unknown[];
  /** SVG over the picture, in values. */
  children?: ComponentChildren;
  /** The value under the pointer. */
  moved?: (row: number, column: number) => void;
  /** What a screen reader hears of the place now. */
  value?: string;
}

export function Raster({ wide, high, zoom, label, paint, on, children, moved, value }: Given) {
  const follow = (event: PointerEvent): void => {
    if (!moved || (event.pointerType === "touch" && event.type === "pointermove" && !event.isPrimary)) return;
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const row = Math.floor((event.clientY - box.top) / zoom), column = Math.floor((event.clientX - box.left) / zoom);
    if (row >= 0 && row < high && column >= 0 && column < wide) moved(row, column);
  };
  return (
    <div
      class="raster"
      style={{ width: `${wide * zoom}px`, height: `${high * zoom}px` }}
      tabIndex={moved ? 0 : undefined}
      role={moved ? "slider" : "img"}
      aria-label={label}
      aria-valuetext={moved ? value : undefined}
      aria-valuenow={moved ? 0 : undefined}
      onPointerMove={follow}
      onPointerDown={follow}
    >
      <Picture paint={paint} on={on} wide={wide} high={high} width={wide * zoom} height={high * zoom} />
      {children && (
        <svg viewBox={`0 0 ${wide} ${high}`} width={wide * zoom} height={high * zoom} aria-hidden="true">
          {children}
        </svg>
      )}
    </div>
  );
}
