// The selected image as the net sees it: at the size of its input.

import type { App } from "../app.ts";
import { fitted, type Pixels } from "../images.ts";
import { coloured } from "./tile.tsx";
import { shown } from "./heat.ts";

/** The selected image, or the first; null without any. */
export function selectedImage(app: App): { pixels: Pixels; index: number } | null {
  if (!app.gallery.count.value) return null;
  const wanted = app.selection.value.image, index = wanted < app.gallery.count.value ? wanted : 0;
  const pixels = app.gallery.at(index);
  return pixels && { pixels, index };
}

/** What a picture needs to draw it at the size of the input; null where there is nothing to draw. */
export function shownImage(app: App) {
  const { shape } = app.model.value.image, image = selectedImage(app);
  if (!image || shape.length !== 3) return null;
  const [channels, high, wide] = shape;
  return {
    paint: () => shown(fitted(image.pixels, shape), channels, wide, high),
    on: [image.pixels.data, shape.join()],
    wide,
    high,
    label: image.pixels.name,
  };
}

/** What a picture needs to draw an image as it is. */
export const asItIs = ({ name, shape, data }: Pixels) => ({
  paint: () => coloured(data, shape),
  on: [data],
  wide: shape[1],
  high: shape[0],
  label: name,
});
