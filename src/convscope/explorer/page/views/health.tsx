// Health: which channels do nothing, or what others do already.

import { type App, useApp } from "../app.ts";
import { share } from "../parts/figures.ts";
import { Sheet } from "../parts/sheet.tsx";
import { plural } from "../words.ts";
import { type Layer, layersOf, verdict, worst } from "./health/facts.ts";
import { Strip } from "./health/strip.tsx";

export const healthMissing = (app: App): string => {
  const { run } = app.document;
  if (!run || run.activity.length) return "";
  return run.evaluation
    ? "The net has no activations whose values could be looked at."
    : "The values of layers are unknown, as the test images are not where they were. Name them: convscope explore RUN --data DATA";
};

/** The layer whose channels are shown: the selected one, if its values are known; else the one with the most waste. */
function chosen(app: App, layers: readonly Layer[]): Layer {
  const name = app.layer.value;
  return layers.find((one) => one.name === name || one.maker === name) ?? worst(layers) ?? layers[layers.length - 1];
}

const found = (app: App): Layer[] => layersOf(app.given, app.document.run?.activity ?? []);

/** Move from layer to layer, and from channel to channel. */
export function healthKeys(app: App, event: KeyboardEvent): boolean {
  const layers = found(app);
  if (!layers.length || event.ctrlKey || event.altKey || event.metaKey) return false;
  const now = chosen(app, layers), at = layers.indexOf(now);
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key], beside = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && layers[at + by]) app.store.set({ layer: layers[at + by].name, channel: null, unit: null }, "glide");
  else if (beside) {
    const channel = Math.max(0, Math.min(now.channels - 1, (app.store.now.channel ?? -1) + beside));
    app.store.set({ layer: now.name, channel }, "glide");
  } else return Boolean(by);
  return true;
}

export function Health() {
  const app = useApp();
  const layers = found(app), run = app.document.run;
  if (!run || !layers.length) return <p class="absent">{healthMissing(app)}</p>;
  const now = chosen(app, layers);
  return (
    <>
      <p class="verdict">{verdict(layers)}</p>
      <Table layers={layers} now={now} />
      <Strip layer={now} />
      <p class="note">
        Measured on{" "}
        {plural(run.activity[0].images, "test image")}. Dead: the same value at all positions of all images. Twins:
        proportional to another channel (correlation of at least 0.999). Effective rank: how many independent channels
        of equal strength would vary as much.
      </p>
      <Sheet name="Show as table" file="health.csv" table={() => asTable(layers)} />
    </>
  );
}

function Table({ layers, now }: { layers: readonly Layer[]; now: Layer }) {
  const app = useApp();
  return (
    <div class="scroller" tabIndex={0} role="region" aria-label="Layers">
      <table class="plain health">
        <thead>
          <tr>
            <th scope="col">Layer</th>
            {["Channels", "Dead", "Twins", "Not positive", "Effective rank"].map((name) => (
              <th scope="col" class="num" key={name}>{name}</th>
            ))}
            <th scope="col">Rank / channels</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {layers.map((one) => (
            <tr key={one.name} class={one === now ? "on" : ""}>
              <th scope="row">
                <button
                  type="button"
                  class="link"
                  aria-pressed={one === now}
                  onClick={() => app.store.set({ layer: one.name, channel: null, unit: null })}
                >
                  {one.name}
                </button>
              </th>
              <td class="num">{one.channels}</td>
              <td class="num">{one.dead || <span class="dim">none</span>}</td>
              <td class="num">{one.twins || <span class="dim">none</span>}</td>
              <td class="num">{share(one.zero, 1)}</td>
              <td class="num">{one.rank.toFixed(1)}</td>
              <td>
                <span class="part-of" aria-hidden="true">
                  <i style={{ width: `${100 * one.rank / one.channels}%` }} />
                </span>
                {share(one.rank / one.channels, 0)}
              </td>
              <td>
                <button
                  type="button"
                  class="btn"
                  onClick={() => app.store.set({ view: "bench", layer: one.maker, channel: null, unit: null })}
                >
                  {one.dead + one.twins
                    ? `Narrow ${one.maker} to ${one.channels - one.dead - one.twins}`
                    : `Change ${one.maker}`}
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const asTable = (layers: readonly Layer[]) => ({
  columns: ["layer", "channels", "dead", "twins", "not positive", "effective rank"],
  rows: layers.length,
  row: (i: number) => {
    const one = layers[i];
    return [one.name, one.channels, one.dead, one.twins, one.zero.toFixed(6), one.rank.toFixed(4)];
  },
});
