// Choosing a kernel: those of the layer, and kernels by name.

import { useLayoutEffect, useRef } from "preact/hooks";
import type { App } from "../../app.ts";
import { magnitude, painted, type Palette } from "../../parts/heat.ts";
import type { Look } from "./look.ts";
import { PRESETS } from "./named.ts";
import { kernelOf, type Scene } from "./scene.ts";

const MOST = 64;

export function Presets({ app, scene, look }: { app: App; scene: Scene; look: Look }) {
  const { chosen } = look, trained = app.lab.fit.value.own;
  const now = chosen?.kind === "preset" ? chosen.preset.id : "";
  const small = scene.rows.kernel < 3 || scene.columns.kernel < 3;
  const set = (kernel: string): void => app.store.set({ kernel });
  return (
    <div class="presets buttons" role="group" aria-label="Kernel">
      <button type="button" class="btn" aria-pressed={!chosen} onClick={() => set("")}>
        {trained ? "As trained" : "At random"}
      </button>
      {PRESETS.map((one) => (
        <button
          type="button"
          key={one.id}
          class="btn"
          title={small ? "A kernel of 3×3 or more can have it" : one.words}
          disabled={small && one.id !== "identity"}
          aria-pressed={now === one.id}
          onClick={() => set(one.id)}
        >
          {one.name}
        </button>
      ))}
      {chosen?.kind === "preset" && (
        <button
          type="button"
          class="btn"
          aria-pressed={chosen.turned}
          title="Turn the kernel by half a circle, as convolution in mathematics does"
          onClick={() => set(chosen.turned ? now : `${now},turned`)}
        >
          Turned
        </button>
      )}
    </div>
  );
}

/** The kernels of the layer's channels, at the input channel that is shown. */
export function Kernels({ app, scene, look, palette }: { app: App; scene: Scene; look: Look; palette: Palette }) {
  const weight = app.lab.fit.value.weights[scene.layer.name]?.weight;
  const count = Math.min(scene.out[0], MOST), taps = scene.rows.kernel * scene.columns.kernel;
  if (!weight || scene.out[0] === 1) return null;
  const from = look.first % scene.width;
  return (
    <div class="kernels" role="group" aria-label={`Channels of ${scene.layer.name}`}>
      {Array.from({ length: count }, (_, channel) => (
        <button
          type="button"
          key={channel}
          aria-label={`Channel ${channel}`}
          aria-pressed={channel === look.channel}
          onClick={() => app.store.set({ channel, kernel: "" })}
        >
          <Thumb
            values={kernelOf(scene, weight, channel).subarray(from * taps, (from + 1) * taps)}
            wide={scene.columns.kernel}
            palette={palette}
          />
        </button>
      ))}
      {scene.out[0] > count && <span class="lab">and {scene.out[0] - count} more; arrow keys on the Channel view</span>}
    </div>
  );
}

function Thumb({ values, wide, palette }: { values: Float32Array; wide: number; palette: Palette }) {
  const canvas = useRef<HTMLCanvasElement>(null), high = values.length / wide;
  useLayoutEffect(() => {
    canvas.current?.getContext("2d")?.putImageData(painted(values, wide, high, magnitude(values), palette), 0, 0);
  });
  return <canvas ref={canvas} width={wide} height={high} aria-hidden="true" />;
}
