// The Bench: change the net, and see at every layer what that does.

import { useMemo } from "preact/hooks";
import { type App, useApp } from "../app.ts";
import type { Item } from "../items.ts";
import { type Facts, fieldText, type Model } from "../model.ts";
import { area, count, listed, whole } from "../words.ts";
import { costBefore, deltaOf, difference, differenceOf, relative, total } from "./bench/compare.ts";
import { Confirmed } from "./bench/confirmed.tsx";
import { Errors } from "./bench/errors.tsx";
import { Notation } from "./bench/notation.tsx";
import { Panel } from "./bench/panel.tsx";
import { columnKeys, Columns } from "./map/columns.tsx";
import { geometryOf } from "./map/geometry.ts";
import type { Row } from "./map/numbers.tsx";

export function benchKeys(app: App, event: KeyboardEvent): boolean {
  if (event.key === "Delete" && app.selected) {
    const next = app.selected.inputs[0];
    app.change({ kind: "remove", layer: app.selected.name });
    app.select(next, "glide");
    return true;
  }
  return columnKeys(app, event);
}

export function BenchView() {
  const app = useApp();
  const { width } = app.layout.value;
  const shown = app.shown.value;
  const pictured = app.gallery.count.value > 0 && app.model.value.image.shape.length === 3;
  const g = useMemo(() => geometryOf(shown, width, pictured), [shown, width, pictured]);
  const rows = useMemo(() => rowsOf(app.given), [app.given]);
  return (
    <>
      <div class="line">
        <Verdict app={app} />
        <Buttons app={app} />
      </div>
      <Columns g={g} rows={rows} />
      <Errors />
      <div class="bench">
        <Panel />
        <Notation />
      </div>
      <Confirmed />
    </>
  );
}

function Verdict({ app }: { app: App }) {
  if (!app.selection.value.edit) {
    return (
      <p class="verdict">
        Nothing is changed yet.{" "}
        <span class="dim">Change a number of the selected layer, insert or remove one, or edit the text.</span>
      </p>
    );
  }
  const { net, errors } = app.edited.value, before = app.given.net;
  if (errors.length) {
    return (
      <p class="verdict">
        <b>{listed(errors.map((error) => error.layer).slice(0, 3))}</b> {errors.length === 1 ? "does" : "do"} <b>not</b>
        {" "}
        fit; until that is resolved, the totals are unknown.
      </p>
    );
  }
  const macs = deltaOf(total(before, "macs"), total(net, "macs"));
  const params = deltaOf(total(before, "params"), total(net, "params"));
  const stay = macs && macs.before === macs.after;
  const fields = [before, net].map(({ layers }) => fieldText(layers[layers.length - 1]?.rf ?? []));
  return (
    <p class="verdict">
      {!macs ? "The MACs are unknown" : stay ? "The MACs stay as they are" : (
        <>
          MACs {count(macs.before)} → <b>{count(macs.after)}</b> ({relative(macs)})
        </>
      )}; {!params ? "the params are unknown" : params.before !== params.after
        ? (
          <>
            params {whole(params.before)} → <b>{whole(params.after)}</b> ({relative(params)})
          </>
        )
        : stay
        ? "so do the params"
        : "the params stay as they are"}.{" "}
      <span class="dim">
        {fields[0] === fields[1]
          ? `The last layer still sees ${fields[1]} px.`
          : `The last layer sees ${fields[1]} px instead of ${fields[0]}.`} {changesInWords(app)}
      </span>
    </p>
  );
}

function changesInWords(app: App): string {
  const { added, removed, altered } = differenceOf(app.given, app.model.value);
  const few = (names: string[]): string => names.length > 4 ? `${names.length} layers` : listed(names);
  const parts = [
    altered.length ? `Changed: ${few(altered)}.` : "",
    added.length ? `New: ${few(added)}.` : "",
    removed.length ? `Removed: ${few(removed)}.` : "",
  ];
  return parts.filter(Boolean).join(" ");
}

function Buttons({ app }: { app: App }) {
  const { canUndo, canRedo } = app.store;
  return (
    <span class="buttons">
      <button type="button" class="btn" disabled={!canUndo.value} onClick={() => app.store.undo()}>Undo</button>
      <button type="button" class="btn" disabled={!canRedo.value} onClick={() => app.store.redo()}>Redo</button>
      <button
        type="button"
        class="btn"
        disabled={!app.selection.value.edit}
        onClick={() => app.store.set({ edit: "", layer: app.given.get(app.layer.value)?.name ?? "" })}
      >
        Back to the start
      </button>
    </span>
  );
}

/** The rows below the drawing: what each column is now, and by how much that differs. */
function rowsOf(before: Model): Row[] {
  const cost = (name: string, id: "params" | "macs"): Row => ({
    name,
    more: "now, and the difference",
    cell: (item: Item) => {
      if (!item.layers.length) return { text: "–", dim: true };
      const now = item[id], then = costBefore(before, item.layers, id);
      if (!now.exact) return { text: "unknown", dim: true };
      const delta = deltaOf(then, now.value);
      return {
        text: now.value < 100_000 ? whole(now.value) : count(now.value),
        more: delta ? `${whole(delta.before)} → ${whole(delta.after)}` : "",
        delta: difference(delta),
        dim: now.value === 0,
      };
    },
  });
  const seen = (
    name: string,
    more: string,
    text: (item: { out: readonly number[]; rf: Item["rf"] }) => string,
  ): Row => ({
    name,
    more,
    cell: (item: Item) => {
      const last = item.layers.at(-1), then = last && before.get(last.name);
      const now = text(item), old = then ? text(then) : "";
      return {
        text: now,
        delta: changeOf(item, last, old, now),
        dim: !item.out.length,
      };
    },
  });
  return [
    seen("Size", "height × width of the output", ({ out }) => area(out)),
    seen("Channels", "channels of the output", ({ out }) => out.length ? whole(out[0]) : "unknown"),
    cost("Params", "params"),
    cost("MACs", "macs"),
    seen("RF", "receptive field [input pixel]", ({ rf }) => fieldText(rf)),
  ];
}

/** What a cell was before, where that is known now and differs. */
function changeOf(item: Item, last: Facts | undefined, before: string, now: string): string {
  if (!last || !item.out.length) return "";
  return before ? (before === now ? "" : `was ${before}`) : "new";
}
