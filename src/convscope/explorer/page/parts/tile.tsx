// An image of the document as it is: its pixels, never smoothed.

import { type App, useApp } from "../app.ts";
import type { Image } from "../document.ts";
import { Picture } from "./picture.tsx";

/** What can be drawn: an image of the document, or another that its blobs hold. */
export type Drawn = Pick<Image, "name" | "shape" | "blob">;

/** Its pixels, `h w c`. */
export const pixelsOf = (app: App, image: Drawn): Uint8Array => app.blobs.bytes(image.blob, `The image ${image.name}`);

/** Colours of pixels `h w c`; of other than three channels, the first as grey. */
export function coloured(pixels: Uint8Array, shape: readonly number[]): ImageData {
  const [high, wide, channels] = shape;
  const made = new ImageData(wide, high);
  for (let at = 0, from = 0; at < made.data.length; at += 4, from += channels) {
    made.data[at] = pixels[from];
    made.data[at + 1] = pixels[channels === 3 ? from + 1 : from];
    made.data[at + 2] = pixels[channels === 3 ? from + 2 : from];
    made.data[at + 3] = 255;
  }
  return made;
}

/** An image; `size` is its longer side on the screen [CSS pixel]. */
export function Tile({ image, size, label }: { image: Drawn; size: number; label?: string }) {
  const app = useApp();
  const [high, wide] = image.shape;
  const scale = size / Math.max(high, wide, 1);
  return (
    <Picture
      paint={() => coloured(pixelsOf(app, image), image.shape)}
      on={[image.blob]}
      wide={wide}
      high={high}
      width={Math.round(wide * scale)}
      height={Math.round(high * scale)}
      label={label}
    />
  );
}
