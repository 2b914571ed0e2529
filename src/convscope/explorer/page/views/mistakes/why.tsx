// Why this class and not the other: the difference of two scores, split exactly over channels.

import { type App, useApp } from "../../app.ts";
import type { Image } from "../../document.ts";
import { type Bar, Bars } from "../../parts/bars.tsx";
import { plus } from "../../parts/figures.ts";
import { useLater } from "../../parts/later.ts";
import { pixelsOf } from "../../parts/tile.tsx";
import { Trouble } from "../../trouble.ts";
import { plural, shortened } from "../../words.ts";
import { className } from "./cells.ts";
import { rivals } from "./scores.tsx";
import { lastOf, type Split, splitOf } from "./split.ts";

const SHOWN = 8;

interface Found {
  split: Split;
  reads: string;
  layer: string;
}

async function found(
  app: App,
  image: Image,
  pair: readonly [number, number] | null,
  signal: AbortSignal,
): Promise<Found | null> {
  if (!pair) return null;
  const last = lastOf(app);
  if (typeof last === "string") throw new Trouble(last);
  const { trained } = app;
  if (trained.reason) throw new Trouble(trained.reason);
  const { [last.reads]: values } = await trained.run(inputOf(app, image), [last.reads], signal);
  const split = splitOf(last, trained.weights[last.layer.name], values, ...pair);
  return { split, reads: last.reads, layer: last.layer.name };
}

/** What the net is given for an image of the document. */
export const inputOf = (app: App, image: Image): Float32Array =>
  app.trained.input({ name: image.name, shape: image.shape, data: pixelsOf(app, image) });

export function Why({ image }: { image: Image }) {
  const app = useApp();
  const pair = rivals(image);
  const later = useLater((signal) => found(app, image, pair, signal), [image, pair?.[0], pair?.[1]]);
  if (!pair) return null;
  const [first, second] = pair.map((one) => shortened(className(app, one), 24));
  const what = later && "value" in later ? later.value : null;
  return (
    <section class="why">
      <h3>
        Score of <bdi>{first}</bdi> minus score of <bdi>{second}</bdi>
        {what && `: ${plus(what.split.sum)}`}
      </h3>
      {later && "sentence" in later && <p class="note">{later.sentence}</p>}
      {what && (
        <>
          <p class="lab">
            Split exactly over the channels of {what.reads}: each adds its value times its weights in {what.layer}.{" "}
            <b class="positive">Blue</b> speaks for <bdi>{first}</bdi>, <b class="negative">orange</b> for{" "}
            <bdi>{second}</bdi>. The bars sum to {plus(what.split.sum)}, so softmax makes <bdi>{first}</bdi>{" "}
            e to that power, {Number(Math.exp(what.split.sum).toPrecision(3))} times, as probable as{" "}
            <bdi>{second}</bdi>.
          </p>
          <Bars bars={bars(app, what)} label="Parts of the difference" columns={["Channel", "Part"]} />
        </>
      )}
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
