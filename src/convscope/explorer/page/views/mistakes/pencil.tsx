// A pencil and an eraser: change the image until the net predicts its class, with the scores as they change.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { ARROWS } from "../../parts/arrows.ts";
import type { Image } from "../../document.ts";
import { coloured, pixelsOf } from "../../parts/tile.tsx";
import { plural, shortened } from "../../words.ts";
import { className } from "./cells.ts";
import { Given } from "./scores.tsx";

const SIZE = 224;

/** What a pencil and an eraser leave: strokes are bright on a dark background, dark on a light one. */
const marks = (app: App): { pencil: number; eraser: number } =>
  app.document.preparation?.ground === "light" ? { pencil: 0, eraser: 255 } : { pencil: 255, eraser: 0 };

export function Pencil({ image }: { image: Image }) {
  const app = useApp();
  const own = useMemo(() => pixelsOf(app, image), [image]);
  const [drawn, draws] = useState(own);
  const [tool, takes] = useState<"pencil" | "eraser">("pencil");
  const [at, moves] = useState<readonly [number, number]>([
    Math.floor(image.shape[0] / 2),
    Math.floor(image.shape[1] / 2),
  ]);
  const [scores, finds] = useState<ArrayLike<number> | null>(image.scores);
  const [record, sets] = useState<number | null>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    draws(own);
    sets(null);
  }, [own]);
  useEffect(() => {
    canvas.current?.getContext("2d")?.putImageData(coloured(drawn, image.shape), 0, 0);
    const stop = new AbortController();
    const input = app.trained.input({ name: image.name, shape: image.shape, data: drawn });
    app.trained.run(input, [app.trained.last], stop.signal).then((found) => finds(found[app.trained.last])).catch(
      () => {},
    );
    return () => stop.abort();
  }, [drawn]);
  const changed = countChanged(own, drawn, image.shape[2]);
  const predicted = scores ? best(scores) : null;
  useEffect(() => {
    const done = changed > 0 && predicted !== null && predicted === image.truth && image.truth !== image.predicted;
    if (done && (record === null || changed < record)) sets(changed);
  }, [predicted, changed]);
  const mark = (y: number, x: number, from: readonly [number, number] = [y, x]): void => {
    const [high, wide, channels] = image.shape, next = drawn.slice();
    const steps = Math.max(1, Math.abs(y - from[0]), Math.abs(x - from[1]));
    for (let step = 0; step <= steps; step++) {
      const row = Math.round(from[0] + (y - from[0]) * step / steps);
      const column = Math.round(from[1] + (x - from[1]) * step / steps);
      if (row < 0 || column < 0 || row >= high || column >= wide) continue;
      next.fill(marks(app)[tool], (row * wide + column) * channels, (row * wide + column + 1) * channels);
    }
    if (y >= 0 && x >= 0 && y < high && x < wide) moves([y, x]);
    if (next.some((value, i) => value !== drawn[i])) draws(next);
  };
  return (
    <section class="pencil">
      <div>
        <h3>Change it until the net is right</h3>
        <Paper image={image} canvas={canvas} at={at} mark={mark} moves={moves} />
        <p class="steps">
          {(["pencil", "eraser"] as const).map((one) => (
            <button
              type="button"
              key={one}
              class="btn"
              aria-pressed={tool === one}
              onClick={() => takes(one)}
            >
              {one === "pencil" ? "Pencil" : "Eraser"}
            </button>
          ))}
          <button type="button" class="btn" disabled={!changed} onClick={() => draws(own)}>Start again</button>
        </p>
        <p role="status" class="redrawn">
          {plural(changed, "pixel")} changed{predicted !== null && (
            <>
              ; predicted{" "}
              <b>
                <bdi>{shortened(className(app, predicted), 24)}</bdi>
              </b>
            </>
          )}.{record !== null && ` Your record: ${plural(record, "pixel")}.`}
        </p>
        <p class="lab">Arrow keys move, space draws.</p>
      </div>
      <div>
        {scores && <Given scores={scores} image={{ truth: image.truth, predicted }} label="Scores of the drawing" />}
      </div>
    </section>
  );
}

interface Sheet {
  image: Image;
  canvas: { current: HTMLCanvasElement | null };
  at: readonly [number, number];
  mark: (y: number, x: number, from?: readonly [number, number]) => void;
  moves: (at: readonly [number, number]) => void;
}

function Paper({ image, canvas, at, mark, moves }: Sheet) {
  const [high, wide] = image.shape, zoom = SIZE / Math.max(high, wide);
  const drawn = (event: PointerEvent & { currentTarget: HTMLDivElement }): void => {
    if (event.type === "pointermove" && event.buttons !== 1) return;
    const box = event.currentTarget.getBoundingClientRect();
    const y = Math.floor((event.clientY - box.top) / zoom), x = Math.floor((event.clientX - box.left) / zoom);
    mark(y, x, event.type === "pointermove" ? at : [y, x]);
  };
  const pressed = (event: KeyboardEvent): void => {
    const step = ARROWS[event.key];
    if (event.key === " ") mark(...at);
    else if (step) {
      moves([Math.max(0, Math.min(high - 1, at[0] + step[0])), Math.max(0, Math.min(wide - 1, at[1] + step[1]))]);
    } else return;
    event.preventDefault();
  };
  return (
    <div
      class="paper"
      role="application"
      tabIndex={0}
      aria-label={`Drawing on ${image.name}: row ${at[0]}, column ${at[1]}`}
      style={{ width: `${wide * zoom}px`, height: `${high * zoom}px` }}
      onPointerDown={drawn}
      onPointerMove={drawn}
      onKeyDown={pressed}
    >
      <canvas ref={canvas} width={wide} height={high} class="tile" aria-hidden="true" />
      <i style={{ top: `${at[0] * zoom}px`, left: `${at[1] * zoom}px`, width: `${zoom}px`, height: `${zoom}px` }} />
    </div>
  );
}

function countChanged(a: Uint8Array, b: Uint8Array, channels: number): number {
  let found = 0;
  for (let at = 0; at < a.length; at += channels) {
    for (let c = 0; c < channels; c++) {
      if (a[at + c] === b[at + c]) continue;
      found += 1;
      break;
    }
  }
  return found;
}

function best(scores: ArrayLike<number>): number {
  let found = 0;
  for (let i = 1; i < scores.length; i++) if (scores[i] > scores[found]) found = i;
  return found;
}
