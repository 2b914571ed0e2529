// The weights that make a channel: a kernel for each input channel, in one signed range.

import { type App, useApp } from "../../app.ts";
import { HeatMap } from "../../parts/heatmap.tsx";
import type { Facts } from "../../model.ts";
import { plural } from "../../words.ts";
import { makerOf } from "../health/facts.ts";

const MOST = 64; // kernels that are shown

interface Tiles {
  maker: Facts;
  count: number;
  high: number;
  wide: number;
  values: Float32Array;
}

/** The weights of the layer that makes a channel, by what they weigh; null if there are none. */
function tilesOf(app: App, layer: string, channel: number): Tiles | null {
  const maker = app.given.get(makerOf(app.given, layer));
  const weight = maker && app.trained.weights[maker.name]?.weight;
  const shape = maker?.weights?.find((one) => one.name === "weight")?.shape;
  if (!maker || !weight || !shape || channel >= shape[0] || shape.length === 3 || shape.length > 4) return null;
  const each = weight.length / shape[0], values = weight.subarray(channel * each, (channel + 1) * each);
  if (shape.length === 4) return { maker, count: shape[1], high: shape[2], wide: shape[3], values };
  const before = app.given.get(maker.inputs[0]);
  const map = app.given.shape(before?.op === "flatten" ? before.inputs[0] : maker.inputs[0]);
  return map.length === 3
    ? { maker, count: map[0], high: map[1], wide: map[2], values }
    : { maker, count: 1, high: 1, wide: each, values };
}

/** Kernels beside each other with a gap, in rows; what is between them is not a number. */
function montage({ count, high, wide, values }: Tiles): { values: Float32Array; wide: number; high: number } {
  const shown = Math.min(count, MOST), flat = count === 1 && high === 1;
  if (flat) {
    const columns = Math.min(wide, 32), rows = Math.ceil(wide / columns);
    const made = new Float32Array(columns * rows).fill(NaN);
    made.set(values.subarray(0, columns * rows));
    return { values: made, wide: columns, high: rows };
  }
  const columns = Math.min(shown, Math.ceil(Math.sqrt(shown * (high + 1) / (wide + 1)))),
    rows = Math.ceil(shown / columns);
  const across = columns * (wide + 1) - 1,
    down = rows * (high + 1) - 1,
    made = new Float32Array(across * down).fill(NaN);
  for (let k = 0; k < shown; k++) {
    const top = Math.floor(k / columns) * (high + 1), left = (k % columns) * (wide + 1);
    for (let at = 0; at < high * wide; at++) {
      made[(top + Math.floor(at / wide)) * across + left + at % wide] = values[k * high * wide + at];
    }
  }
  return { values: made, wide: across, high: down };
}

export function Kernel({ layer, channel }: { layer: string; channel: number }) {
  const app = useApp();
  const tiles = tilesOf(app, layer, channel);
  if (!tiles) {
    return (
      <section>
        <h3>Kernel</h3>
        <p class="note">No layer with weights makes this channel alone, or they are not in this document.</p>
      </section>
    );
  }
  const { maker, count, high, wide } = tiles, made = montage(tiles);
  const what = count === 1 && high === 1
    ? `${plural(wide, "weight")} of ${maker.name}`
    : `${plural(count, "kernel")} of ${high}×${wide} in ${maker.name}, one for each input channel`;
  return (
    <section>
      <h3>Kernel</h3>
      <HeatMap {...made} size={168} label={what} />
      <p class="lab">
        {what}
        {count > MOST && `; the first ${MOST} are shown`}. Orange is negative, blue positive.
      </p>
    </section>
  );
}
