// The net at work in the page: the values of its layers at the image that is selected.

import { computed, type ReadonlySignal } from "@preact/signals";
import type { App } from "./app.ts";
import { EngineError } from "./engine/errors.ts";
import { Forward, hindrance } from "./engine/forward.ts";
import { fitting, type Weights, weightsIn } from "./engine/weights.ts";
import { fitted, prepared, takesImages } from "./images.ts";
import { MOST } from "./running.ts";
import { count, size } from "./words.ts";

export class Lab {
  readonly #app: App;
  /** The weights of the net as it is now; those of layers that have none are drawn at random. */
  readonly fit: ReadonlySignal<{ weights: Weights; drawn: readonly string[]; own: boolean }>;
  readonly #forward: ReadonlySignal<Forward | string>;
  /** What the net is given: the image at the size of its input, prepared. */
  readonly input: ReadonlySignal<Float32Array | null>;

  constructor(app: App) {
    this.#app = app;
    const derived = computed(() => app.edited.value.derived);
    this.fit = computed(() => {
      const given = weightsIn(app.document.net.layers, (key, what) => app.blobs.bytes(key, what));
      const { weights, drawn } = fitting(derived.value, given);
      return { weights, drawn, own: Object.keys(given).length > 0 };
    });
    this.#forward = computed(() => {
      const macs = app.model.value.net.totals.macs;
      if (macs > MOST) return `it takes ${count(macs)} multiply-adds, and the page runs nets of up to ${count(MOST)}`;
      const { weights } = this.fit.value;
      return hindrance(derived.value, weights) ?? new Forward(derived.value, weights);
    });
    this.input = computed(() => {
      const { shape } = app.model.value.image;
      const image = app.gallery.count.value ? app.gallery.at(app.selection.value.image) : null;
      if (!image || shape.length !== 3) return null;
      return prepared(fitted(image, shape), shape[0], app.document.preparation);
    });
  }

  /** The values `c h w` of a layer or an input at the image; a sentence where there are none. */
  values(name: string): Float32Array | string {
    const input = this.input.value, { image } = this.#app.model.value;
    if (!takesImages(image.shape)) return `The net takes ${size(image.shape)}, and the page looks at images only.`;
    const forward = name === image.name ? null : this.#forward.value;
    if (typeof forward === "string") return `The page does not run this net: ${forward}.`; // nor with an image
    if (!input) return "There is no image to look at. Choose one of your own.";
    if (!forward) return input;
    try {
      forward.image(input);
      return forward.values(name).slice();
    } catch (error) {
      if (error instanceof EngineError) return `The page does not run this net: ${error.message}.`;
      throw error;
    }
  }
}
