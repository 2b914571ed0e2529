// Channel: what makes it, what excites it, for which classes, and what breaks without it.

import { useMemo } from "preact/hooks";
import { type App, useApp } from "../app.ts";
import { type Bar, Bars } from "../parts/bars.tsx";
import { plus, share, short } from "../parts/figures.ts";
import { useLater } from "../parts/later.ts";
import { plural, shortened } from "../words.ts";
import { Kernel } from "./channel/kernel.tsx";
import { Patches } from "./channel/patches.tsx";
import { Removed } from "./channel/removed.tsx";
import { byClass, look, type Looked, peaks, twinOf } from "./channel/values.ts";
import { className } from "./mistakes/cells.ts";

const SHOWN = 9, CLASSES = 12;

/** The layers whose channels are looked at: activations, or all if there are none. */
function layersOf(app: App): string[] {
  const all = app.given.layers.filter((layer) => layer.out.length > 0);
  const active = all.filter((layer) => layer.pointwise && !layer.weights?.length);
  return (active.length ? active : all).map((layer) => layer.name);
}

/** The layer and the channel that are shown: of the selected layer, else of the next one that has any. */
function now(app: App): { layer: string; channel: number; channels: number } {
  const names = layersOf(app), wanted = app.layer.value;
  const from = app.given.layers.findIndex((layer) => layer.name === wanted);
  const later = app.given.layers.slice(Math.max(0, from)).find((layer) => names.includes(layer.name));
  const layer = app.given.get(wanted)
    ? names.includes(wanted) ? wanted : later?.name ?? names[names.length - 1]
    : names[0];
  const channels = app.given.shape(layer)[0] ?? 1;
  return { layer, channels, channel: Math.min(channels - 1, app.selection.value.channel ?? 0) };
}

/** Walk the channels, and the layers. */
export function channelKeys(app: App, event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.altKey || event.metaKey) return false;
  const { layer, channel, channels } = now(app), names = layersOf(app);
  const beside = { ArrowLeft: -1, ArrowRight: 1 }[event.key], by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (beside) app.store.set({ layer, channel: (channel + beside + channels) % channels }, "glide");
  else if (by) {
    const next = names[names.indexOf(layer) + by];
    if (next) app.store.set({ layer: next, channel: 0, unit: null }, "glide");
  } else return false;
  return true;
}

export function Channel() {
  const app = useApp();
  const { layer, channel, channels } = now(app);
  const later = useLater<Looked>((signal, step) => look(app, layer, signal, step), [layer]);
  const looked = later && "value" in later && later.value.layer === layer ? later.value : null;
  return (
    <>
      <Choice layer={layer} channel={channel} channels={channels} />
      {looked && <Verdict looked={looked} channel={channel} />}
      {later && "sentence" in later && <p class="note">{later.sentence}</p>}
      {!later && <p class="note">Looking at the images of this document …</p>}
      <div class="channel">
        <div>
          <Kernel layer={layer} channel={channel} />
          {looked && <Classes looked={looked} channel={channel} />}
        </div>
        <div>
          <Removed layer={layer} channel={channel} />
          {looked && <Excited looked={looked} channel={channel} />}
        </div>
      </div>
    </>
  );
}

function Choice({ layer, channel, channels }: { layer: string; channel: number; channels: number }) {
  const app = useApp();
  const step = (by: number) => () => app.store.set({ layer, channel: (channel + by + channels) % channels }, "glide");
  return (
    <p class="choice">
      <label>
        <span>Layer</span>
        <select
          value={layer}
          onChange={(event) => app.store.set({ layer: event.currentTarget.value, channel: 0, unit: null })}
        >
          {layersOf(app).map((name) => <option key={name} value={name}>{shortened(name, 40)}</option>)}
        </select>
      </label>
      <label>
        <span>Channel</span>
        <input
          type="number"
          min="0"
          max={channels - 1}
          value={channel}
          onInput={(event) => {
            const wanted = event.currentTarget.valueAsNumber;
            if (wanted >= 0 && wanted < channels) app.store.set({ layer, channel: Math.floor(wanted) }, "glide");
          }}
        />
      </label>
      <button type="button" class="btn" aria-label="Previous channel" onClick={step(-1)}>←</button>
      <button type="button" class="btn" aria-label="Next channel" onClick={step(1)}>→</button>
      <span class="lab">of {channels}; arrow keys walk channels and layers</span>
    </p>
  );
}

function Verdict({ looked, channel }: { looked: Looked; channel: number }) {
  const app = useApp();
  const means = useMemo(() => byClass(looked, channel), [looked, channel]);
  const twin = useMemo(() => twinOf(looked, channel), [looked, channel]);
  const order = [...means].sort((a, b) => b.mean - a.mean), most = order[0], least = order[order.length - 1];
  const known = app.document.run?.activity.find((one) => one.layer === looked.layer);
  const dead = known?.dead.includes(channel);
  return (
    <p class="verdict">
      {dead && "This channel is dead: it has the same value everywhere. "}
      {!dead && most && most !== least && (
        <>
          It responds most to{" "}
          <b>
            <bdi>{className(app, most.class)}</bdi>
          </b>{" "}
          ({short(most.mean, 2)} on average) and least to <bdi>{className(app, least.class)}</bdi>{" "}
          ({short(least.mean, 2)}).{" "}
        </>
      )}
      {!dead && known && `${share(known.positive[channel], 0)} of its values are positive. `}
      {twin && (
        <>
          Most alike is channel{" "}
          <button
            type="button"
            class="way"
            onClick={() => app.store.set({ layer: looked.layer, channel: twin.channel })}
          >
            {twin.channel}
          </button>
          , correlation {plus(twin.correlation, 2)}.
        </>
      )}
    </p>
  );
}

function Excited({ looked, channel }: { looked: Looked; channel: number }) {
  const order = useMemo(() => peaks(looked, channel).sort((a, b) => b.value - a.value), [looked, channel]);
  const images = looked.seen.length < looked.of
    ? `${looked.seen.length} of ${looked.of} images so far`
    : plural(looked.of, "image");
  return (
    <section>
      <h3>What excites it most</h3>
      <Patches layer={looked.layer} peaks={order.slice(0, SHOWN)} name="Strongest patches" />
      <h3>And least</h3>
      <Patches layer={looked.layer} peaks={order.slice(-SHOWN).reverse()} name="Weakest patches" />
      <p class="lab">
        The strongest response of each of {images}{" "}
        of this document, cut as large as the unit sees: its receptive field. A click lights it up in Reach.
      </p>
    </section>
  );
}

function Classes({ looked, channel }: { looked: Looked; channel: number }) {
  const app = useApp();
  const all = useMemo(() => byClass(looked, channel), [looked, channel]);
  if (all.length < 2) return null;
  const shown = all.length > CLASSES ? [...all].sort((a, b) => b.mean - a.mean).slice(0, CLASSES) : all;
  const bars = shown.map((one): Bar => ({
    key: String(one.class),
    name: <bdi>{shortened(className(app, one.class), 18)}</bdi>,
    value: one.mean,
    text: short(one.mean, 3),
    beside: String(one.images),
  }));
  return (
    <section>
      <h3>Response by class</h3>
      <Bars bars={bars} label="Mean response by class" columns={["Class", "Mean", "Images"]} />
      <p class="lab">Mean over all positions. The document has more misclassified images than usual.</p>
    </section>
  );
}
