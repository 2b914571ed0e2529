// An image on a canvas: its own pixels, enlarged without smoothing.

import { useLayoutEffect, useRef } from "preact/hooks";

interface Given {
  paint: () => ImageData;
  /** What the picture depends on. */
  on: readonly unknown[];
  wide: number;
  high: number;
  /** Size on the screen [CSS pixel]. */
  width: number;
  height: number;
  /** What a screen reader hears; without it, the picture is only to be seen. */
  label?: string;
}

export function Picture({ paint, on, wide, high, width, height, label }: Given) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    canvas.current?.getContext("2d")?.putImageData(paint(), 0, 0);
  }, [wide, high, ...on]);
  return (
    <canvas
      ref={canvas}
      class="tile picture"
      width={wide}
      height={high}
      style={{ width: `${width}px`, height: `${height}px` }}
      role={label ? "img" : undefined}
      aria-label={label}
      aria-hidden={!label}
    />
  );
}
