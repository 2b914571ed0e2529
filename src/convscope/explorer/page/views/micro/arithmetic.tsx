// Patch × kernel = products, their sum over the input channels, and what comes after it.

import { useMemo } from "preact/hooks";
import type { App } from "../../app.ts";
import { magnitude, type Palette } from "../../parts/heat.ts";
import { plural, size } from "../../words.ts";
import { type Stage, stages } from "./after.ts";
import { Cells, digits } from "./cells.tsx";
import { Curve } from "./curve.tsx";
import type { Look } from "./look.ts";
import { textOf } from "./named.ts";
import { firstChannel, patchOf, type Scene } from "./scene.ts";

interface Given {
  app: App;
  scene: Scene;
  look: Look;
  unit: readonly [number, number];
  palette: Palette;
  /** The input channel that is shown, among those that are read; and how to change it. */
  from: number;
  follow: (from: number) => void;
}

const signed = (value: number): string => value > 0 ? `+${digits(value)}` : digits(value);

export function Arithmetic({ app, scene, look, unit, palette, from, follow }: Given) {
  const taps = scene.rows.kernel * scene.columns.kernel, wide = scene.columns.kernel;
  const patch = patchOf(scene, look.input, look.first, unit);
  const kernel = look.kernel.subarray(from * taps, (from + 1) * taps);
  const products = patch.values.map((value, i) => value * kernel[i]);
  const pixels = scene.source === app.model.value.image.name;
  const [low, high] = useMemo(() => ends(look.input), [look.input]);
  const most = magnitude(look.input);
  const grey = pixels ? (value: number) => (value - low) / Math.max(1e-9, high - low) : undefined;
  const change = (index: number, value: number): void => {
    const next = kernel.slice();
    next[index] = value;
    app.store.set({ kernel: textOf(next) }, "glide");
  };
  const best = scene.kind === "max" ? patch.values.indexOf(Math.max(...patch.values)) : undefined;
  return (
    <div class="arithmetic">
      <div class="equation">
        <section>
          <h2>
            Patch <span class="dim">{pixels ? "prepared" : scene.source}</span>
          </h2>
          <Cells
            label="Patch"
            values={patch.values}
            wide={wide}
            most={most}
            palette={palette}
            padding={patch.padding}
            grey={grey}
            chosen={best}
          />
        </section>
        {scene.kind !== "max" && (
          <>
            <span class="sign" aria-hidden="true">×</span>
            <section>
              <h2>
                Kernel <span class="dim">{scene.kind === "conv" ? "drag to change" : "all equal"}</span>
              </h2>
              <Cells
                label="Kernel"
                values={kernel}
                wide={wide}
                most={Math.max(magnitude(kernel), magnitude(look.own) / 4)}
                palette={palette}
                change={scene.kind === "conv" ? change : undefined}
              />
            </section>
            <span class="sign" aria-hidden="true">=</span>
            <section data-cover="output">
              <h2>Products</h2>
              <Cells
                label="Products"
                values={products}
                wide={wide}
                most={magnitude(products)}
                palette={palette}
                padding={patch.padding}
              />
            </section>
          </>
        )}
      </div>
      {scene.width > 1 && <Channels scene={scene} look={look} unit={unit} from={from} follow={follow} />}
      <Sums app={app} scene={scene} look={look} unit={unit} products={products} />
    </div>
  );
}

function ends(values: Float32Array): [number, number] {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

/** What each input channel adds, the strongest first. */
function Channels({ scene, look, unit, from, follow }: Omit<Given, "app" | "palette">) {
  const taps = scene.rows.kernel * scene.columns.kernel, start = firstChannel(scene, look.channel);
  const sums = useMemo(() =>
    Array.from({ length: scene.width }, (_, c) => {
      const { values } = patchOf(scene, look.input, start + c, unit);
      let sum = 0;
      for (let t = 0; t < taps; t++) sum += values[t] * look.kernel[c * taps + t];
      return { c, sum };
    }), [scene, look, unit[0], unit[1]]);
  const ordered = [...sums].sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum));
  const shownFirst = ordered.slice(0, 8), rest = ordered.slice(8);
  const most = Math.abs(ordered[0].sum) || 1;
  return (
    <section class="adds" data-cover="output">
      <h2>
        What each input channel adds <span class="dim">{plural(scene.width, "kernel")}, one for each channel</span>
      </h2>
      <ol>
        {shownFirst.map(({ c, sum }) => (
          <li key={c}>
            <button type="button" aria-pressed={c === from} onClick={() => follow(c)}>
              <span>channel {start + c}</span>
              <i class={sum < 0 ? "bar neg" : "bar pos"} style={{ width: `${Math.abs(sum) / most * 120}px` }} />
              <b>{signed(sum)}</b>
            </button>
          </li>
        ))}
        {rest.length > 0 && (
          <li class="dim">
            the other {rest.length}: {signed(rest.reduce((total, one) => total + one.sum, 0))}
          </li>
        )}
      </ol>
    </section>
  );
}

function Sums({ app, scene, look, unit, products }: {
  app: App;
  scene: Scene;
  look: Look;
  unit: readonly [number, number];
  products: Float32Array;
}) {
  const at = unit[0] * scene.out[2] + unit[1], total = look.map[at];
  const { weights } = app.lab.fit.value;
  const chain = useMemo(
    () => stages(scene.after, look.channel, look.map, (name) => weights[name] ?? null),
    [scene, look, weights],
  );
  const positive = products.reduce((sum, one) => sum + Math.max(0, one), 0);
  const count = products.length * scene.width;
  const acts = chain.findIndex(({ layer }) => layer.op !== "bn" && layer.op !== "dropout");
  return (
    <>
      <dl class="sums" data-cover="output">
        <div>
          <dt>
            {scene.kind === "conv" ? `Sum of ${plural(count, "product")}` : scene.kind === "max" ? "Largest" : "Mean"}
          </dt>
          <dd>{digits(total - look.bias)}</dd>
          {scene.kind === "conv" && scene.width === 1 && (
            <dd class="how">
              {signed(positive)} {signed(total - look.bias - positive)}
            </dd>
          )}
        </div>
        {scene.kind === "conv" && (
          <div>
            <dt>+ bias</dt>
            <dd>{look.bias ? digits(total) : "none"}</dd>
            {look.bias !== 0 && <dd class="how">{signed(look.bias)}</dd>}
          </div>
        )}
        {chain.map((stage, i) => <After key={stage.layer.name} stage={stage} at={at} last={i === chain.length - 1} />)}
      </dl>
      {acts >= 0 && (
        <div data-cover="output">
          <Curve
            name={chain[acts].layer.op}
            given={acts ? chain[acts - 1].values : look.map}
            of={(values) =>
              stages([chain[acts].layer], look.channel, values, (name) => weights[name] ?? null)[0]?.values ?? values}
            now={(acts ? chain[acts - 1].values : look.map)[at]}
            width={Math.min(520, Math.max(260, app.layout.value.width - (app.layout.value.phone ? 0 : 350)))}
          />
        </div>
      )}
      {scene.after.length > chain.length && (
        <p class="lab">
          {scene.after[chain.length].name} needs the values of all channels; its result is on the next layer.
        </p>
      )}
      <p class="lab">
        {scene.layer.name} computes {size(scene.out)} such values
        {scene.layer.macs ? `, ${scene.layer.macs.toLocaleString("en")} multiply-adds in all` : ""}.
      </p>
    </>
  );
}

const After = ({ stage, at, last }: { stage: Stage; at: number; last: boolean }) => (
  <div class={last ? "last" : ""}>
    <dt>{stage.layer.name}</dt>
    <dd>{digits(stage.values[at])}</dd>
    <dd class="how">{stage.layer.op}</dd>
  </div>
);
