// The image with the field of the chosen unit on it, or an empty frame of the input's size.

import { useRef } from "preact/hooks";
import { useApp } from "../../app.ts";
import type { Image } from "../../document.ts";
import { Picture } from "../../parts/picture.tsx";
import { size } from "../../words.ts";

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

interface Given {
  frame: Frame;
  image: Image | undefined;
  /** The pixel under the pointer, or null when it leaves. */
  point: (pixel: readonly [number, number] | null, keep: boolean) => void;
}

export function ImageFrame({ frame, image, point }: Given) {
  const app = useApp();
  const place = useRef<HTMLDivElement>(null);
  const { scale, margin, rows, columns } = frame;
  const left = margin * scale, w = columns * scale, h = rows * scale;
  const at = (event: PointerEvent | MouseEvent): readonly [number, number] | null => {
    const box = place.current?.getBoundingClientRect();
    return box ? [(event.clientY - box.top) / scale - margin, (event.clientX - box.left) / scale - margin] : null;
  };
  return (
    <div
      ref={place}
      class="imageframe"
      style={{ width: `${w + 2 * left}px`, height: `${h + 2 * left}px` }}
      onPointerMove={(event) => point(at(event), false)}
      onPointerLeave={() => point(null, false)}
      onClick={(event) => point(at(event), true)}
    >
      <span class="lab padding">padding</span>
      <div class="pixels" style={{ left: `${left}px`, top: `${left}px`, width: `${w}px`, height: `${h}px` }}>
        {image
          ? <Picture image={image} width={w} height={h} />
          : <span class="lab">{app.model.value.image.name}, {size(app.model.value.image.shape)}</span>}
      </div>
      <svg width={w + 2 * left} height={h + 2 * left} class="fieldbox" aria-hidden="true">
        <rect class="dark" />
        <rect class="light" />
      </svg>
    </div>
  );
}

/** Put the box of a field on the image, in pixels that may lie on the padding. */
export function showField(
  place: Element | null,
  frame: Frame,
  rows: readonly number[],
  columns: readonly number[],
): void {
  const { scale, margin } = frame;
  for (const shape of place?.querySelectorAll(".fieldbox rect") ?? []) {
    shape.setAttribute("x", String((columns[0] + margin) * scale));
    shape.setAttribute("y", String((rows[0] + margin) * scale));
    shape.setAttribute("width", String(Math.max(0, columns[1] - columns[0] + 1) * scale));
    shape.setAttribute("height", String(Math.max(0, rows[1] - rows[0] + 1) * scale));
  }
}
