// An image of the document as it is: its pixels, never smoothed.

import { type App, useApp } from "../app.ts";
import type { Image } from "../document.ts";
import { shown } from "./heat.ts";
import { Picture } from "./picture.tsx";

/** What can be drawn: an image of the document, or another that its blobs hold. */
export type Drawn = Pick<Image, "name" | "shape" | "blob">;

/** Its pixels, `h w c`. */
export const pixelsOf = (app: App, image: Drawn): Uint8Array => app.blobs.bytes(image.blob, `The image ${image.name}`);

/** Colours of pixels `h w c`. */
export const coloured = (pixels: Uint8Array, [high, wide, channels]: readonly number[]): ImageData =>
  shown(pixels, channels, wide, high, channels, 1);

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
