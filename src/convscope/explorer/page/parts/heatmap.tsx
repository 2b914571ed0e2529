// A heat map of signed values that can be walked with the arrow keys, with the value read out; its range is printed.

import { useEffect, useRef, useState } from "preact/hooks";
import { useApp } from "../app.ts";
import { ARROWS } from "./arrows.ts";
import { plus } from "./figures.ts";
import { magnitude, painted, type Palette, paletteOf } from "./heat.ts";
import { Raster } from "./raster.tsx";

interface Given {
  values: ArrayLike<number>;
  wide: number;
  high: number;
  /** Longer side on the screen [CSS pixel]. */
  size: number;
  label: string;
  /** The most that the colours show; by default the largest magnitude. */
  most?: number;
}

export function HeatMap({ values, wide, high, size, label, most = magnitude(values) }: Given) {
  const app = useApp();
  const box = useRef<HTMLDivElement>(null);
  const [palette, finds] = useState<Palette | null>(null);
  const [at, moves] = useState<readonly [number, number] | null>(null);
  useEffect(() => {
    if (box.current) finds(paletteOf(box.current));
  }, [app.theme.value]);
  const zoom = Math.max(1, Math.floor(size / Math.max(wide, high)));
  const pressed = (event: KeyboardEvent): void => {
    const step = ARROWS[event.key];
    if (!step || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const [y, x] = at ?? [-step[0], -step[1]];
    moves([Math.max(0, Math.min(high - 1, y + step[0])), Math.max(0, Math.min(wide - 1, x + step[1]))]);
  };
  const read = at ? `row ${at[0]}, column ${at[1]}: ${plus(values[at[0] * wide + at[1]])}` : "";
  return (
    <div ref={box} class="heatmap" onKeyDown={pressed}>
      {palette && (
        <Raster
          wide={wide}
          high={high}
          zoom={zoom}
          label={label}
          paint={() => painted(values, wide, high, most, palette)}
          on={[values, most, palette]}
          moved={(row, column) => moves([row, column])}
          value={read || label}
        >
          {at && <rect class="cursor" x={at[1]} y={at[0]} width="1" height="1" vector-effect="non-scaling-stroke" />}
        </Raster>
      )}
      <p class="lab">
        {plus(-most)} to {plus(most)}, zero in between{read && `; ${read}`}
      </p>
    </div>
  );
}
