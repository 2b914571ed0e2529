// Reach: what a unit sees of the image, and whether that is enough for the reader's objects.

import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useMemo, useRef } from "preact/hooks";
import { type App, useApp } from "../app.ts";
import type { Image } from "../document.ts";
import type { Effective } from "../engine/effective.ts";
import type { Box } from "../engine/reach.ts";
import { type Facts, fieldText, short } from "../model.ts";
import { Bring } from "../parts/bring.tsx";
import { Picture } from "../parts/picture.tsx";
import { asItIs, selectedImage } from "../parts/seen.ts";
import { Segments } from "../parts/segments.tsx";
import { Sheet } from "../parts/sheet.tsx";
import { area } from "../words.ts";
import { FieldChart } from "./reach/chart.tsx";
import { type Frame, frameOf, ImageFrame, showField } from "./reach/frame.tsx";
import { Overlay } from "./reach/overlay.ts";
import { across, exact, firstWhole, placed, positionOn, spatial, type Stop, stopsOf } from "./reach/path.ts";
import { weightOf } from "./reach/weight.tsx";
import { cellsOf, ends, MOVES, moveUnit, Strip } from "./reach/strip.tsx";

const BIG = 360, GAP = 32;

type Unit = readonly [number, number];

export function reachKeys(app: App, event: KeyboardEvent): boolean {
  const by = MOVES[event.key];
  if (!by || !app.selected) return false;
  moveUnit(app, app.layer.peek(), by);
  return true;
}

const middleOf = (shape: readonly number[]): Unit => {
  const [rows, columns] = spatial(shape);
  return [rows >> 1, columns >> 1];
};

/** The unit of a layer whose field has its middle nearest to a pixel. */
function nearestUnit(layer: Facts, [y, x]: readonly [number, number]): Unit | null {
  const [rows, columns] = spatial(layer.out);
  const axes = layer.rf.slice(-2);
  const at = (value: number, axis: Facts["rf"][number] | undefined, size: number): number => {
    if (!axis?.stride || !axis.centre) return size >> 1;
    const unit = (value - 0.5 - axis.centre[0] / axis.centre[1]) * axis.stride[1] / axis.stride[0];
    return Math.max(0, Math.min(size - 1, Math.round(unit)));
  };
  return placed(layer) ? [at(y, axes.at(-2), rows), at(x, axes.at(-1), columns)] : null;
}

export function ReachView() {
  const app = useApp();
  const layer = app.selected ?? app.model.value.layers[0];
  const { object, unit } = app.selection.value;
  const { width, phone } = app.layout.value;
  const [rows, columns] = spatial(app.model.value.image.shape);
  const side = Math.min(rows === 1 ? columns : rows, columns);
  const stops = stopsOf(app);
  const stacked = width < 760;
  const frame = useMemo(() => frameOf(rows, columns, phone ? Math.min(BIG, width) : BIG), [
    rows,
    columns,
    phone,
    width,
  ]);
  const right = stacked ? width : width - BIG - GAP;
  const cells = useMemo(() => cellsOf(stops, right), [stops.map((stop) => stop.layer.name).join(" "), right]);
  const chosen = object ?? side;
  if (!layer) return <p class="absent">This net has no layers.</p>;
  if (!layer.out.length) return <p class="absent">The size of {short(layer.name)} is unknown: see the Bench.</p>;
  return (
    <>
      <Verdict layer={layer} stops={stops} object={chosen} given={object !== null} side={side} />
      <Look
        app={app}
        layer={layer}
        unit={unit}
        cells={cells}
        frame={frame}
        stacked={stacked}
        right={right}
      >
        <div class="line chartline">
          <h2>Receptive field against object size</h2>
          <ObjectSize app={app} object={chosen} given={object !== null} />
        </div>
        <FieldChart stops={stops} width={right} side={side} object={chosen} />
        <p class="lab">
          Outline: the field in input pixels. Fill: where most of its weight lies, 4σ with equal weights everywhere.
          Drag the line, or type the size of your objects.
        </p>
        <Sheet name="Show as table" file={`${app.document.title}-fields.csv`} table={() => fieldTable(app)} />
      </Look>
    </>
  );
}

function ObjectSize({ app, object, given }: { app: App; object: number; given: boolean }) {
  return (
    <label class="objectsize">
      My objects are{" "}
      <input
        type="number"
        min={1}
        max={100000}
        value={object}
        onInput={(event) => {
          const value = Number(event.currentTarget.value);
          if (Number.isInteger(value) && value > 0) app.store.set({ object: value }, "glide");
        }}
      />{" "}
      px{given ? "" : " (the whole image)"}
    </label>
  );
}

interface VerdictGiven {
  layer: Facts;
  stops: readonly Stop[];
  object: number;
  given: boolean;
  side: number;
}

function Verdict({ layer, stops, object, given, side }: VerdictGiven) {
  const sees = across(layer), fits = sees >= object;
  const first = firstWhole(stops, object);
  const what = given ? `an object of ${object} px` : `the whole image, ${object} px,`;
  const beyond = stops.find((stop) => across(stop.layer) > side);
  if (layer.rf.length === 0) {
    return <p class="verdict" data-cover="field">The field of {short(layer.name)} is unknown.</p>;
  }
  return (
    <p class="verdict" data-cover="field" aria-live="polite">
      A unit of <b>{short(layer.name)}</b> sees {exact(layer) ? "" : "at most "}
      <b>{fieldText(layer.rf).replace("≤ ", "")} px</b>: {what} {fits && exact(layer) ? "fits" : fits ? "may fit" : (
        <>
          does <b>not</b> fit
        </>
      )}.{" "}
      <span class="dim">
        {!fits && (first
          ? `The first layer whose field covers it is ${first.name} (${fieldText(first.layer.rf)}). `
          : "No layer shown here has a field that covers it. ")}
        {beyond && given && `From ${beyond.name} on, a field is larger than the image.`}
      </span>
    </p>
  );
}

const SHOWN = [{ id: "box", name: "Box" }, { id: "weight", name: "Weight" }] as const;

function weightWords(weight: Effective | null): string {
  if (!weight) {
    return "The weight of the pixels is not known here, or would take the page too long.";
  }
  const sigma = weight.std.map((one) => one.toFixed(2));
  return `With equal weights everywhere, pixels weigh for the selected unit as shown: σ = ${
    [...new Set(sigma)].join(" × ")
  } px.`;
}

interface LookGiven {
  app: App;
  layer: Facts;
  unit: Unit | null;
  cells: ReturnType<typeof cellsOf>;
  frame: Frame;
  stacked: boolean;
  right: number;
  children: ComponentChildren;
}

/** The image and the strip of layers, with what the chosen unit reads; hovering shows another one. */
function Look({ app, layer, unit, cells, frame, stacked, right, children }: LookGiven) {
  const place = useRef<HTMLDivElement>(null);
  const seen = selectedImage(app);
  const trained = seen !== null && app.lab.fit.value.own;
  const words = useRef<HTMLParagraphElement>(null);
  const overlay = useRef<Overlay | null>(null);
  const due = useRef<{ layer: string; unit: Unit } | null>(null);
  const chosen = unit ?? middleOf(layer.out);
  const weighs = app.selection.value.field === "weight";
  const weight = useMemo(
    () => weighs ? weightOf(app, layer.name, chosen) : null,
    [weighs, app.edited.value, layer.name, chosen[0], chosen[1]],
  );
  const paint = useCallback((name: string, at: Unit): void => {
    const box = overlay.current?.light(name, at);
    const found = box ? ends(box) : null;
    const whole = wholeField(app, name, at);
    const shown = whole ?? found;
    if (shown) showField(place.current, frame, shown[0], shown[1]);
    if (words.current) words.current.textContent = unitWords(app, name, at, box, whole);
  }, [app, frame]);
  useEffect(() => {
    const svg = place.current?.querySelector<SVGSVGElement>("svg.strip");
    if (svg) overlay.current = new Overlay(app, svg, cells);
    paint(layer.name, chosen);
  }, [cells, frame, layer.name, chosen[0], chosen[1], app.model.value]);
  const hover = (name: string, at: Unit | null): void => {
    const waiting = due.current !== null;
    due.current = at ? { layer: name, unit: at } : { layer: layer.name, unit: chosen };
    if (waiting) return;
    requestAnimationFrame(() => {
      const next = due.current;
      due.current = null;
      if (next) paint(next.layer, next.unit);
    });
  };
  const point = (pixel: readonly [number, number] | null, keep: boolean): void => {
    const at = pixel ? nearestUnit(layer, pixel) : null;
    if (keep && at) app.store.set({ layer: layer.name, unit: at });
    else hover(layer.name, at);
  };
  return (
    <div ref={place} class={stacked ? "look stacked" : "look"}>
      <div class="imagecolumn">
        <div class="line imagehead">
          <h2>
            {seen ? imageName(app, seen.index) : "Empty frame"}{" "}
            <ImageWords app={app} image={app.document.images[seen?.index ?? -1]} />
          </h2>
          <Segments
            label="On the image"
            options={SHOWN}
            value={weighs ? "weight" : "box"}
            choose={(id) => app.store.set({ field: id })}
          />
        </div>
        <ImageFrame frame={frame} point={point} weight={weight} boxed={(side) => app.store.set({ object: side })} />
        <Thumbs app={app} />
      </div>
      <div class="stripcolumn" data-cover="field" style={{ width: `${right}px` }}>
        <div class="scroller" role="region" tabIndex={0} aria-label="Units of the layers">
          <Strip cells={cells} hover={hover} />
        </div>
        <p class="lab legend">
          <i class="key lit" /> read by the unit <i class="key dashed" /> units that read it
          {trained && (
            <>
              <i class="key grey" /> root mean square over the channels for this image
            </>
          )}. Hover over a unit or the image; click to keep it; arrow keys move it. Draw a box around an object on the
          image to take its size.
        </p>
        <p ref={words} class="unitwords" data-cover="field" aria-live="polite" />
        {weighs && <p class="lab">{weightWords(weight)}</p>}
        {children}
      </div>
    </div>
  );
}

function ImageWords({ app, image }: { app: App; image: Image | undefined }) {
  if (!image) return <span class="dim">{area(app.model.value.image.shape)} px</span>;
  const name = (at: number | null): string => at === null ? "unknown" : app.document.classes[at] ?? String(at);
  if (image.truth === null && image.predicted === null) return null;
  return (
    <span class="dim">
      true {name(image.truth)}
      {image.predicted !== null && `, predicted ${name(image.predicted)}`}
    </span>
  );
}

/** Test image 7, or the name of its file. */
function imageName(app: App, index: number): string {
  const image = app.document.images[index];
  if (!image || image.number === null) return app.gallery.name(index);
  return `${image.split.slice(0, 1).toUpperCase()}${image.split.slice(1)} image ${image.number}`;
}

const FEW = 12;

/** A few images beside the selected one, and one's own. */
function Thumbs({ app }: { app: App }) {
  const count = app.gallery.count.value, now = selectedImage(app)?.index ?? -1;
  const first = Math.max(0, Math.min(now - FEW / 2, count - FEW));
  const shown = Array.from({ length: Math.min(FEW, count) }, (_, k) => first + k);
  return (
    <div class="thumbs" role="group" aria-label="Images">
      {count > 1 && shown.map((index) => {
        const pixels = app.gallery.at(index);
        return pixels && (
          <button
            type="button"
            key={index}
            aria-pressed={index === now}
            aria-label={imageName(app, index)}
            title={imageName(app, index)}
            onClick={() => app.store.set({ image: index })}
          >
            <Picture {...asItIs(pixels)} width={36} height={36} />
          </button>
        );
      })}
      <Bring app={app} />
    </div>
  );
}

/** The field of a unit with its part on the padding, from start, stride and size; null where units have no order. */
function wholeField(app: App, name: string, unit: Unit): [readonly number[], readonly number[]] | null {
  const axes = app.model.peek().get(name)?.rf ?? [];
  const at = (axis: Facts["rf"][number] | undefined, index: number): readonly number[] | null => {
    if (!axis?.stride || axis.start === null || axis.phases) return null;
    const first = axis.start + index * axis.stride[0] / axis.stride[1];
    return Number.isInteger(first) ? [first, first + axis.size - 1] : null;
  };
  const columns = at(axes.at(-1), unit[1]), rows = axes.length < 2 ? [0, 0] : at(axes.at(-2), unit[0]);
  return rows && columns ? [rows, columns] : null;
}

/** What a box holds: rows and columns of an image, steps of a signal, slices too of a volume. */
function pixelsOf(box: Box): string {
  const axes = box.slice(1).map(range);
  if (axes.length === 1) return `steps ${axes[0]}`;
  const [rows, columns] = axes.slice(-2), plane = `rows ${rows} and columns ${columns}`;
  return axes.length === 3 ? `slices ${axes[0]}, ${plane}` : plane;
}

const range = ([first, last]: readonly number[]): string => first === last ? String(first) : `${first}–${last}`;

function unitWords(
  app: App,
  name: string,
  unit: Unit,
  box: Box | undefined,
  whole: [readonly number[], readonly number[]] | null,
): string {
  const layer = app.model.peek().get(name);
  if (!layer || !box) return "This unit reads nothing of the image.";
  const at = positionOn(layer.out, unit).join(", ");
  const who = at ? `Unit ${at} of ${short(name)}` : `Every unit of ${short(name)}`;
  const [rows, columns] = ends(box);
  const padded = whole && (whole[0].some((v, i) => v !== rows[i]) || whole[1].some((v, i) => v !== columns[i]));
  const size = (ends: readonly number[]): number => ends[1] - ends[0] + 1;
  const bound = !whole && layer.rf.length > 1 && size(columns) > (layer.rf.at(-1)?.size || Infinity);
  return `${who} reads ${bound ? "at most " : ""}${pixelsOf(box)}${padded ? ", and padding" : ""}.`;
}

function fieldTable(app: App) {
  const { layers } = app.model.peek();
  return {
    columns: ["Layer", "Output", "RF height", "RF width", "Stride", "Start", "Exact"],
    rows: layers.length,
    row(i: number) {
      const { name, out, rf } = layers[i];
      const text = (value: (axis: Facts["rf"][number]) => string): string =>
        [...new Set(rf.map(value))].join("×") || "–";
      return [
        name,
        [...out.slice(1), out[0]].join("×"),
        rf.at(-2)?.size ?? "–",
        rf.at(-1)?.size ?? "–",
        text((axis) =>
          axis.stride === null ? "–" : axis.stride[1] === 1 ? String(axis.stride[0]) : axis.stride.join("/")
        ),
        text((axis) => axis.start === null ? "–" : String(axis.start)),
        rf.every((axis) => axis.exact) ? "yes" : "upper bound",
      ];
    },
  };
}
