// An image of the document on a canvas: its own pixels, enlarged without smoothing.

import { useEffect, useRef } from "preact/hooks";
import { useApp } from "../app.ts";
import type { Image } from "../document.ts";

/** Pixels `h w c`, uint8, as red, green, blue and opaque. */
export function coloured(pixels: Uint8Array, [height, width, channels]: readonly number[]): ImageData {
  const found = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let k = 0; k < 3; k++) found.data[4 * i + k] = pixels[channels * i + (channels >= 3 ? k : 0)];
    found.data[4 * i + 3] = 255;
  }
  return found;
}

export function Picture({ image, width, height }: { image: Image; width: number; height: number }) {
  const app = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  const pixels = app.blobs.bytes(image.blob, `Image "${image.name}"`);
  useEffect(() => {
    canvas.current?.getContext("2d")?.putImageData(coloured(pixels, image.shape), 0, 0);
  }, [pixels]);
  return (
    <canvas
      ref={canvas}
      class="picture"
      width={image.shape[1]}
      height={image.shape[0]}
      style={{ width: `${width}px`, height: `${height}px` }}
      role="img"
      aria-label={image.name}
    />
  );
}
