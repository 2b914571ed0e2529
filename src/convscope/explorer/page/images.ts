// Images as the net is given them: those of the document, and what a reader brings.

import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Blobs } from "./blobs.ts";
import type { Document, Preparation } from "./document.ts";
import { Trouble } from "./trouble.ts";

/** Pixels of 0 to 255, `h w c`. */
export interface Pixels {
  name: string;
  shape: readonly [number, number, number];
  data: Uint8Array;
}

/** The longest side at which a reader's own image is kept [pixel]. */
const SIDE = 256;
const MOST_BYTES = 64 * 2 ** 20, MOST_PIXELS = 100_000_000;

/** The images that can be chosen, in order; those of the reader come last. */
export class Gallery {
  readonly #document: Document;
  readonly #blobs: Blobs;
  readonly #own = signal<readonly Pixels[]>([]);
  readonly count: ReadonlySignal<number>;

  constructor(document: Document, blobs: Blobs) {
    [this.#document, this.#blobs] = [document, blobs];
    this.count = computed(() => document.images.length + this.#own.value.length);
  }

  name(index: number): string {
    const given = this.#document.images;
    return given[index]?.name ?? this.#own.value[index - given.length]?.name ?? "";
  }

  /** An image; null if there is none of that index. Throws a Trouble if its bytes are damaged. */
  at(index: number): Pixels | null {
    const given = this.#document.images[index];
    if (!given) return this.#own.value[index - this.#document.images.length] ?? null;
    return { name: given.name, shape: given.shape, data: this.#blobs.bytes(given.blob, `The image ${given.name}`) };
  }

  /** Add an image; returns its index. */
  add(image: Pixels): number {
    this.#own.value = [...this.#own.peek(), image];
    return this.count.peek() - 1;
  }
}

/** Decode a file that a reader chose; throws a Trouble that says why not. */
export async function fromFile(file: File): Promise<Pixels> {
  if (file.size > MOST_BYTES) {
    throw new Trouble(`${file.name} is larger than 64 MiB.`, "Choose a smaller copy of the image.");
  }
  const claimed = claimedSize(new Uint8Array(await file.slice(0, 65536).arrayBuffer()));
  if (claimed && claimed[0] * claimed[1] > MOST_PIXELS) {
    throw new Trouble(
      `${file.name} has ${Math.round(claimed[0] * claimed[1] / 1e6)} million pixels; at most 100 million are read.`,
      "Choose a smaller copy of the image.",
    );
  }
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Trouble(`${file.name} is not an image that the browser can read.`, "PNG and JPEG work everywhere.");
  }
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const wide = Math.max(1, Math.round(bitmap.width * scale)), high = Math.max(1, Math.round(bitmap.height * scale));
  const brush = new OffscreenCanvas(wide, high).getContext("2d");
  if (!brush) throw new Trouble("The browser cannot draw images.");
  brush.fillStyle = "#fff";
  brush.fillRect(0, 0, wide, high);
  brush.imageSmoothingQuality = "high";
  brush.drawImage(bitmap, 0, 0, wide, high);
  bitmap.close();
  const from = brush.getImageData(0, 0, wide, high).data, data = new Uint8Array(wide * high * 3);
  for (let at = 0; at < wide * high; at++) for (let c = 0; c < 3; c++) data[3 * at + c] = from[4 * at + c];
  return { name: file.name, shape: [high, wide, 3], data };
}

/** Width and height that the head of a PNG or a JPEG states; null for other files. */
export function claimedSize(head: Uint8Array): [number, number] | null {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length > 24 && view.getUint32(0) === 0x89504e47) return [view.getUint32(16), view.getUint32(20)];
  if (head.length < 4 || view.getUint16(0) !== 0xffd8) return null;
  for (let at = 2; at + 9 < head.length && head[at] === 0xff;) {
    const kind = head[at + 1], frame = kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind);
    if (frame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
  return null;
}

/**
 * Scale an image to `c h w`: its middle part of the net's proportions, each pixel the mean of what it covers. Colour
 * becomes grey by the usual weights, grey is repeated. An image of the size asked for is left as it is.
 */
export function fitted(image: Pixels, shape: readonly number[]): Uint8Array {
  const [channels, high, wide = 1] = shape;
  const [from, across, depth] = image.shape;
  const made = new Uint8Array(channels * high * wide);
  const unit = Math.min(from / high, across / wide);
  const top = (from - unit * high) / 2, left = (across - unit * wide) / 2;
  const span = (start: number, y: number, most: number): [number, number] => {
    const low = Math.floor(start + y * unit + 1e-9);
    return [Math.min(low, most - 1), Math.max(low + 1, Math.min(most, Math.ceil(start + (y + 1) * unit - 1e-9)))];
  };
  const sums = new Float64Array(depth);
  for (let y = 0; y < high; y++) {
    const [y0, y1] = span(top, y, from);
    for (let x = 0; x < wide; x++) {
      const [x0, x1] = span(left, x, across);
      sums.fill(0);
      for (let v = y0; v < y1; v++) {
        for (let u = x0; u < x1; u++) {
          for (let c = 0; c < depth; c++) sums[c] += image.data[(v * across + u) * depth + c];
        }
      }
      const count = (y1 - y0) * (x1 - x0);
      const grey = depth < 3 ? sums[0] : 0.299 * sums[0] + 0.587 * sums[1] + 0.114 * sums[2];
      for (let c = 0; c < channels; c++) {
        const value = channels === depth ? sums[c] : channels === 1 || depth < 3 ? grey : sums[c % depth];
        made[(c * high + y) * wide + x] = Math.round(value / count);
      }
    }
  }
  return made;
}

/** Whether an input has rows and columns of pixels; a signal and a volume have not. */
export const takesImages = (shape: readonly number[]): boolean => shape.length === 3;

/** What the net is given: `(pixel / 255 − mean) / std`, or pixels of 0 to 1 where that is unknown. */
export function prepared(pixels: Uint8Array, channels: number, how: Preparation | null): Float32Array {
  const made = new Float32Array(pixels.length), area = pixels.length / channels;
  for (let c = 0; c < channels; c++) {
    const mean = how?.mean[c % how.mean.length] ?? 0, std = how?.std[c % how.std.length] ?? 1;
    for (let at = c * area; at < (c + 1) * area; at++) made[at] = (pixels[at] / 255 - mean) / std;
  }
  return made;
}
