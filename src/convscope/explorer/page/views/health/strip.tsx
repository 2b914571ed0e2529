// The channels of a layer, each with the share of its values that are positive.

import { useApp } from "../../app.ts";
import { share, short } from "../../parts/figures.ts";
import { plural } from "../../words.ts";
import type { Layer } from "./facts.ts";

export function Strip({ layer }: { layer: Layer }) {
  const app = useApp();
  const { activity } = layer, channel = app.selection.value.channel;
  const dead = new Set(activity.dead), twin = new Map(activity.twins.flatMap(([a, b]) => [[a, b], [b, a]]));
  const now = channel !== null && channel < layer.channels ? channel : null;
  const look = (c: number) => () => app.store.set({ view: "channel", layer: layer.name, channel: c, unit: null });
  const words = (c: number): string =>
    dead.has(c) ? "dead" : twin.has(c) ? `twin of ${twin.get(c)}` : `${share(activity.positive[c], 0)} positive`;
  return (
    <section class="part" aria-label={`Channels of ${layer.name}`}>
      <h2>The {plural(layer.channels, "channel")} of {layer.name}</h2>
      <p class="lab">Height: share of the values that are positive. Crossed out: dead.</p>
      <div
        class="cellstrip"
        role="listbox"
        tabIndex={0}
        aria-label={`Channels of ${layer.name}`}
        aria-activedescendant={now === null ? undefined : `channel-${now}`}
      >
        {activity.positive.map((positive, c) => (
          <div
            key={c}
            id={`channel-${c}`}
            role="option"
            aria-selected={c === now}
            aria-label={`channel ${c}: ${words(c)}`}
            title={`channel ${c}: ${words(c)}`}
            class={dead.has(c) ? "dead" : ""}
            onClick={look(c)}
          >
            <i style={{ height: `${Math.max(2, 100 * positive)}%` }} />
          </div>
        ))}
      </div>
      <p role="status" class="lab">
        {now === null ? "Arrow keys walk the layers and channels; a click shows what a channel looks for." : (
          <>
            Channel {now}: {words(now)}, mean {short(activity.mean[now])}, standard deviation{" "}
            {short(activity.std[now])}.{" "}
            <button type="button" class="way" onClick={look(now)}>What does it look for?</button>
          </>
        )}
      </p>
    </section>
  );
}
