// The patches of images that excite a channel most and least, cut by the exact field of the unit.

import { useLayoutEffect, useRef } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { short } from "../../parts/figures.ts";
import { coloured, pixelsOf } from "../../parts/tile.tsx";
import { reach } from "../../engine/reach.ts";
import { shortened } from "../../words.ts";
import { className } from "../mistakes/cells.ts";
import type { Peak } from "./values.ts";

const SIDE = 64;

/** First row and column, height and width of what a unit sees of an image. */
function cut(app: App, layer: string, { seen, unit }: Peak): readonly [number, number, number, number] {
  const { image } = app.given, place = app.given.shape(layer).length === 3 ? unit : [];
  const box = reach(app.trained.derived, layer, place).get(image.name);
  const [high, wide] = seen.image.shape, [, tall, broad] = image.shape;
  if (!box || box.length < 3 || tall !== high || broad !== wide) return [0, 0, high, wide];
  const [, [top, bottom], [left, right]] = box;
  return [top, left, bottom - top + 1, right - left + 1];
}

export function Patches({ layer, peaks, name }: { layer: string; peaks: readonly Peak[]; name: string }) {
  return (
    <ol class="patches" aria-label={name}>
      {peaks.map((peak) => <Patch key={peak.seen.at} layer={layer} peak={peak} />)}
    </ol>
  );
}

function Patch({ layer, peak }: { layer: string; peak: Peak }) {
  const app = useApp();
  const canvas = useRef<HTMLCanvasElement>(null);
  const { image, at } = peak.seen;
  const [top, left, tall, broad] = cut(app, layer, peak);
  useLayoutEffect(() => {
    const brush = canvas.current?.getContext("2d");
    brush?.putImageData(coloured(pixelsOf(app, image), image.shape), -left, -top);
  }, [image, top, left, tall, broad]);
  const zoom = SIDE / Math.max(tall, broad),
    truth = image.truth === null ? "class unknown" : className(app, image.truth);
  const words = `${image.name}, ${truth}: ${short(peak.value, 2)}, rows ${top} to ${
    top + tall - 1
  }, columns ${left} to ${left + broad - 1}`;
  return (
    <li>
      <button
        type="button"
        title={words}
        aria-label={words}
        onClick={() => app.store.set({ view: "reach", layer, unit: peak.unit, image: at })}
      >
        <canvas
          ref={canvas}
          class="tile"
          width={broad}
          height={tall}
          style={{ width: `${Math.max(1, broad * zoom)}px`, height: `${Math.max(1, tall * zoom)}px` }}
        />
        <b>{short(peak.value, 2)}</b>{" "}
        <small>
          <bdi>{shortened(truth, 7)}</bdi>
        </small>
      </button>
    </li>
  );
}
