// The Microscope: one output value, from the patch and the kernel to the activation.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type App, useApp } from "../app.ts";
import { Bring } from "../parts/bring.tsx";
import { Raster } from "../parts/raster.tsx";
import { magnitude, painted, type Palette, paletteOf, shown } from "../parts/heat.ts";
import { plural, size } from "../words.ts";
import { Arithmetic } from "./micro/arithmetic.tsx";
import { digits } from "./micro/cells.tsx";
import { Kernels, Presets } from "./micro/kernels.tsx";
import { type Look, lookAt } from "./micro/look.ts";
import { type Scene, shownLayer, span } from "./micro/scene.ts";

const sceneNow = (app: App): Scene | null => shownLayer(app.model.value, app.layer.value);

/** The unit that is looked at: the selected one, or the middle of the map. */
export function unitOf(scene: Scene, wanted: readonly [number, number] | null): readonly [number, number] {
  const [, high, wide] = scene.out;
  const [y, x] = wanted ?? [Math.floor(high / 2), Math.floor(wide / 2)];
  return [Math.max(0, Math.min(high - 1, y)), Math.max(0, Math.min(wide - 1, x))];
}

export function microKeys(app: App, event: KeyboardEvent): boolean {
  const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  const scene = by && sceneNow(app);
  if (!by || !scene) return false;
  const [y, x] = unitOf(scene, app.store.now.unit);
  app.store.set({ unit: unitOf(scene, [y + by[0], x + by[1]]) }, "glide");
  return true;
}

export function MicroView() {
  const app = useApp();
  const scene = sceneNow(app);
  if (!scene) {
    return <p class="absent">This net has no layer whose units are sums over a window along rows and columns.</p>;
  }
  return <Microscope app={app} scene={scene} />;
}

function Microscope({ app, scene }: { app: App; scene: Scene }) {
  const place = useRef<HTMLDivElement>(null);
  const [palette, colours] = useState<Palette | null>(null);
  useEffect(() => {
    if (place.current) colours(paletteOf(place.current));
  }, [app.theme.value]);
  const { kernel, channel, unit } = app.selection.value;
  const [from, follow] = useState(0);
  const at = unitOf(scene, unit), out = Math.min(channel ?? 0, scene.out[0] - 1);
  const values = app.lab.values(scene.source);
  const { fit } = app.lab;
  const look = useMemo(
    () => typeof values === "string" ? null : lookAt(scene, values, fit.value, { channel: out, from, kernel }),
    [scene, values, fit.value, out, from, kernel],
  );
  return (
    <div ref={place} class="micro">
      <Own app={app} />
      {typeof values === "string" && <p class="absent">{values}</p>}
      {palette && look && (
        <>
          <Verdict scene={scene} look={look} unit={at} app={app} />
          <div class="bench-of-micro">
            <div class="seen">
              <Seen app={app} scene={scene} look={look} unit={at} palette={palette} />
              <Output app={app} scene={scene} look={look} unit={at} palette={palette} />
            </div>
            <div class="made">
              {scene.kind === "conv" && (
                <>
                  <Presets app={app} scene={scene} look={look} />
                  <Kernels app={app} scene={scene} look={look} palette={palette} />
                </>
              )}
              <Arithmetic
                app={app}
                scene={scene}
                look={look}
                unit={at}
                palette={palette}
                from={look.from}
                follow={follow}
              />
            </div>
          </div>
        </>
      )}
    </div>
  );
}

function Verdict({ scene, look, unit, app }: { scene: Scene; look: Look; unit: readonly [number, number]; app: App }) {
  const value = look.map[unit[0] * scene.out[2] + unit[1]], taps = scene.rows.kernel * scene.columns.kernel;
  const many = taps * scene.width,
    what = scene.kind === "conv"
      ? `the sum of ${plural(many, "product")}`
      : scene.kind === "max"
      ? `the largest of ${plural(taps, "value")}`
      : `the mean of ${plural(taps, "value")}`;
  const drawn = scene.kind === "conv" && !look.chosen && app.lab.fit.value.drawn.includes(scene.layer.name);
  return (
    <p class="verdict" data-cover="output">
      Unit {unit[0]}, {unit[1]} of channel {look.channel} of {scene.layer.name} is {what}
      {look.bias ? " and a bias" : ""}: <b>{digits(value)}</b>.{" "}
      {drawn && "The net has not been trained; this kernel is drawn at random."}
    </p>
  );
}

/** Choose an image, or bring one. */
function Own({ app }: { app: App }) {
  const count = app.gallery.count.value, at = app.selection.value.image;
  return (
    <p class="own buttons">
      {count > 1 && (
        <>
          <button
            type="button"
            class="btn"
            aria-label="Previous image"
            onClick={() => app.store.set({ image: (at + count - 1) % count })}
          >
            ‹
          </button>
          <button
            type="button"
            class="btn"
            aria-label="Next image"
            onClick={() => app.store.set({ image: (at + 1) % count })}
          >
            ›
          </button>
        </>
      )}
      {count > 0 && (
        <span class="dim">
          {app.gallery.name(at)} <span class="lab">({at + 1} of {count})</span>
        </span>
      )}
      <Bring app={app} />
    </p>
  );
}

interface Part {
  app: App;
  scene: Scene;
  look: Look;
  unit: readonly [number, number];
  palette: Palette;
}

const fits = (wide: number, high: number, most: number): number => {
  const zoom = most / Math.max(wide, high);
  return zoom >= 1 ? Math.floor(zoom) : zoom;
};

/** What the layer reads, with the window on it. */
function Seen({ app, scene, look, unit, palette }: Part) {
  const [, high, wide] = scene.from, image = app.model.value.image;
  const pixels = scene.source === image.name;
  const zoom = fits(wide, high, 300);
  const plane = look.input.subarray(look.first * high * wide, (look.first + 1) * high * wide);
  const most = magnitude(plane);
  const [top, bottom] = span(scene.rows, unit[0]), [left, right] = span(scene.columns, unit[1]);
  const stride = (axis: Scene["rows"]): number => axis.stride / axis.up;
  const move = (row: number, column: number): void => {
    const y = Math.round((row - (bottom - top) / 2 + scene.rows.lo / scene.rows.up) / stride(scene.rows));
    const x = Math.round((column - (right - left) / 2 + scene.columns.lo / scene.columns.up) / stride(scene.columns));
    app.store.set({ unit: unitOf(scene, [y, x]) }, "glide");
  };
  const paint = (): ImageData => {
    if (!pixels) return painted(plane, wide, high, most, palette);
    const found = look.input,
      low = Math.min(...[...found].slice(0, 65536)),
      top = Math.max(...[...found].slice(0, 65536));
    const bytes = Uint8Array.from(found, (value) => Math.round((value - low) / Math.max(1e-9, top - low) * 255));
    return shown(bytes, scene.from[0], wide, high);
  };
  return (
    <section>
      <h2>
        {pixels ? "Image" : scene.source}{" "}
        <span class="dim">{size(scene.from)}{!pixels && `, channel ${look.first}`}</span>
      </h2>
      <Raster
        wide={wide}
        high={high}
        zoom={zoom}
        label={`${pixels ? "The image" : scene.source}; the arrow keys move the window`}
        value={`window at rows ${top} to ${bottom}, columns ${left} to ${right}`}
        paint={paint}
        on={[look.input, look.first, palette]}
        moved={move}
      >
        <rect
          x={left}
          y={top}
          width={right - left + 1}
          height={bottom - top + 1}
          fill="var(--lit)"
          fill-opacity=".14"
          stroke="var(--lit)"
          stroke-width="2"
          vector-effect="non-scaling-stroke"
        />
      </Raster>
      <p class="lab">Move over it to slide the window; the arrow keys move it by one stride.</p>
    </section>
  );
}

/** The channel that comes out. */
function Output({ app, scene, look, unit, palette }: Part) {
  const [, high, wide] = scene.out, zoom = fits(wide, high, 220), most = magnitude(look.map);
  return (
    <section data-cover="output">
      <h2>
        Output <span class="dim">{high}×{wide}{scene.after.length > 0 && `, before ${scene.after[0].op}`}</span>
      </h2>
      <Raster
        wide={wide}
        high={high}
        zoom={zoom}
        label="The output; the arrow keys move the unit"
        value={`unit ${unit[0]}, ${unit[1]}: ${digits(look.map[unit[0] * wide + unit[1]])}`}
        paint={() => painted(look.map, wide, high, most, palette)}
        on={[look.map, palette]}
        moved={(y, x) => app.store.set({ unit: [y, x] }, "glide")}
      >
        <rect
          x={unit[1]}
          y={unit[0]}
          width={1}
          height={1}
          fill="none"
          stroke="var(--ink)"
          stroke-width="2"
          vector-effect="non-scaling-stroke"
        />
      </Raster>
      <p class="lab">{digits(-most)} to {digits(most)}, centred on zero</p>
    </section>
  );
}
