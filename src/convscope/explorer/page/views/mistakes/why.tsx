// Why this class and not the other: the difference of two scores, split exactly over channels.

import { useMemo } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import type { Image } from "../../document.ts";
import { fitted, prepared } from "../../images.ts";
import { type Bar, Bars } from "../../parts/bars.tsx";
import { plus } from "../../parts/figures.ts";
import { pixelsOf } from "../../parts/tile.tsx";
import { plural, shortened } from "../../words.ts";
import { className } from "./cells.ts";
import { rivals } from "./scores.tsx";
import { lastOf, type Split, splitOf } from "./split.ts";

const SHOWN = 8;

/** What the net is given for an image of the document. */
export function inputOf(app: App, image: Image): Float32Array {
  const { shape } = app.model.value.image;
  const pixels = { name: image.name, shape: image.shape, data: pixelsOf(app, image) };
  return prepared(fitted(pixels, shape), shape[0], app.document.preparation);
}

interface Found {
  split: Split;
  reads: string;
  layer: string;
}

function found(app: App, image: Image, pair: readonly [number, number]): Found | string {
  const last = lastOf(app);
  if (typeof last === "string") return last;
  if (!app.lab.fit.value.own) {
    return "The weights of the net are not in this document. Open the run: convscope explore RUN";
  }
  const values = app.lab.at(inputOf(app, image), last.reads);
  if (typeof values === "string") return values;
  const weights = app.lab.fit.value.weights[last.layer.name];
  return { split: splitOf(last, weights, values, ...pair), reads: last.reads, layer: last.layer.name };
}

export function Why({ image }: { image: Image }) {
  const app = useApp();
  const pair = rivals(image);
  const what = useMemo(() => pair && found(app, image, pair), [image, app.lab.fit.value, pair?.[0], pair?.[1]]);
  if (!pair || what === null) return null;
  const [first, second] = pair.map((one) => shortened(className(app, one), 24));
  if (typeof what === "string") {
    return (
      <section>
        <h3>
          Score of <bdi>{first}</bdi> minus score of <bdi>{second}</bdi>
        </h3>
        <p class="note">{what}</p>
      </section>
    );
  }
  return (
    <section class="why">
      <h3>
        Score of <bdi>{first}</bdi> minus score of <bdi>{second}</bdi>: {plus(what.split.sum)}
      </h3>
      <p class="lab">
        Split exactly over the channels of {what.reads}: each adds its value times its weights in {what.layer}.{" "}
        <b class="positive">Blue</b> speaks for <bdi>{first}</bdi>, <b class="negative">orange</b> for{" "}
        <bdi>{second}</bdi>. The bars sum to {plus(what.split.sum)}, so softmax makes <bdi>{first}</bdi>{" "}
        e to that power, {Number(Math.exp(what.split.sum).toPrecision(3))} times, as probable as <bdi>{second}</bdi>.
      </p>
      <Bars bars={bars(app, what)} label="Parts of the difference" columns={["Channel", "Part"]} />
    </section>
  );
}

function bars(app: App, { split, reads }: Found): Bar[] {
  const order = Array.from(split.parts.keys()).sort((a, b) => Math.abs(split.parts[b]) - Math.abs(split.parts[a]));
  const shown = order.slice(0, SHOWN), rest = order.slice(SHOWN);
  const all = shown.map((channel): Bar => ({
    key: String(channel),
    name: (
      <button
        type="button"
        class="link"
        onClick={() => app.store.set({ view: "channel", layer: reads, channel, unit: null })}
      >
        channel {channel}
      </button>
    ),
    value: split.parts[channel],
  }));
  if (rest.length) {
    const value = rest.reduce((sum, channel) => sum + split.parts[channel], 0);
    all.push({ key: "rest", name: `${plural(rest.length, "other")}`, value });
  }
  all.push({ key: "bias", name: "bias", value: split.bias });
  return all;
}
