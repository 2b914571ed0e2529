// What breaks when a channel is removed: it is set to zero before its activation, and the images are predicted again.

import { useSignal } from "@preact/signals";
import { type App, useApp } from "../../app.ts";
import { useLater } from "../../parts/later.ts";
import { pixelsOf } from "../../parts/tile.tsx";
import type { Change } from "../../trained.ts";
import { Trouble } from "../../trouble.ts";
import { count, plural, whole } from "../../words.ts";
import { className } from "../mistakes/cells.ts";

const AT_ONCE = 1.5e9; // multiply-adds that are spent without being asked for

/** The tensors that make a channel zero: of the norm before the activation, else of the layer that makes it. */
function changes(app: App, name: string, channel: number): Change[] | string {
  let layer = app.given.get(name);
  while (layer) {
    const mine = app.trained.weights[layer.name];
    if (mine?.weight && ["bn", "conv", "linear", "convt"].includes(layer.op)) break;
    const before = layer.inputs.length === 1 ? app.given.get(layer.inputs[0]) : undefined;
    if (!before || before.out[0] !== layer.out[0]) {
      return `${name} is not made by one layer alone, so no channel can be removed by itself.`;
    }
    layer = before;
  }
  if (!layer || layer.op === "convt") {
    return `${name} is not made by one layer alone, so no channel can be removed by itself.`;
  }
  const channels = layer.out[0];
  return Object.entries(app.trained.weights[layer.name])
    .filter(([tensor]) => tensor === "weight" || tensor === "bias")
    .map(([tensor, before]) => {
      const values = before.slice(), each = before.length / channels;
      values.fill(0, channel * each, (channel + 1) * each);
      return { layer: layer.name, name: tensor, values, before };
    });
}

interface Broken {
  images: number;
  /** Images that were classified correctly, and how many of them no longer are. */
  right: number;
  lost: number;
  wrong: number;
  won: number;
  /** The class of most of the lost ones. */
  most: { class: number; images: number } | null;
}

async function removed(app: App, layer: string, channel: number, signal: AbortSignal): Promise<Broken> {
  const { trained, document } = app;
  if (trained.reason) throw new Trouble(trained.reason);
  const made = changes(app, layer, channel);
  if (typeof made === "string") throw new Trouble(made);
  const images = document.images.filter((image) => image.truth !== null && image.predicted !== null);
  const found: Broken = { images: images.length, right: 0, lost: 0, wrong: 0, won: 0, most: null };
  const lost = new Map<number, number>();
  await trained.changed(made, async (run) => {
    for (const image of images) {
      const input = trained.input({ name: image.name, shape: image.shape, data: pixelsOf(app, image) });
      const scores = (await run(input, [trained.last]))[trained.last], now = scores.indexOf(Math.max(...scores));
      const truth = image.truth as number;
      if (image.predicted === truth) {
        found.right += 1;
        if (now !== truth) {
          found.lost += 1;
          lost.set(truth, (lost.get(truth) ?? 0) + 1);
        }
      } else {
        found.wrong += 1;
        if (now === truth) found.won += 1;
      }
    }
  }, signal);
  for (const [one, count] of lost) if (count > (found.most?.images ?? 0)) found.most = { class: one, images: count };
  return found;
}

export function Removed({ layer, channel }: { layer: string; channel: number }) {
  const app = useApp();
  const macs = app.given.net.totals.macs * app.document.images.length;
  const asked = useSignal(macs <= AT_ONCE);
  const later = useLater<Broken | null>(
    async (signal) => asked.value ? await removed(app, layer, channel, signal) : null,
    [layer, channel, asked.value],
  );
  const found = later && "value" in later ? later.value : null;
  return (
    <section class="removed">
      <h3>What breaks without it?</h3>
      {!asked.value && !app.trained.reason && (
        <p>
          <button type="button" class="btn" onClick={() => asked.value = true}>Remove it</button>{" "}
          <span class="lab">{count(macs)} multiply-adds</span>
        </p>
      )}
      {later && "sentence" in later && <p class="note">{later.sentence}</p>}
      {asked.value && !later && <p class="note">Predicting the images without it …</p>}
      {found && (
        <>
          <p role="status">
            <b>{whole(found.lost)}</b> of the {plural(found.right, "correctly classified image")} of this document{" "}
            {found.lost === 1 ? "is" : "are"} misclassified without it
            {found.most && found.most.images > 1 && (
              <>
                , {found.most.images === found.lost ? "all" : <b>{whole(found.most.images)}</b>} of them of class{" "}
                <bdi>{className(app, found.most.class)}</bdi>
              </>
            )}; {whole(found.won)} of {whole(found.wrong)} misclassified ones become right.
          </p>
          <p class="lab">The channel is set to zero before its activation; all other weights stay.</p>
        </>
      )}
    </section>
  );
}
