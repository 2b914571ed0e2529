// The Map: what the net is made of, and where its params, multiply-adds and memory go.

import { useMemo } from "preact/hooks";
import { type App, useApp } from "../app.ts";
import { budgetOf, spent } from "../budget.ts";
import { Segments } from "../parts/segments.tsx";
import { Sheet } from "../parts/sheet.tsx";
import { percent, plural } from "../words.ts";
import { columnKeys, Columns, representative } from "./map/columns.tsx";
import { type Geometry, geometryOf } from "./map/geometry.ts";
import { List } from "./map/list.tsx";
import { costRows } from "./map/numbers.tsx";
import { COSTS, Ribbon } from "./map/ribbon.tsx";
import { layerTable } from "./map/sheet.ts";
import { Verdict } from "./map/verdict.tsx";

export const mapKeys = columnKeys;

export function MapView() {
  const app = useApp();
  const { cost, budget } = app.selection.value;
  const { width, phone } = app.layout.value;
  const shown = app.shown.value;
  const pictured = app.gallery.count.value > 0 && app.model.value.image.shape.length === 3;
  const g = useMemo(() => geometryOf(shown, width, pictured), [shown, width, pictured]);
  const selected = g.shown.itemOf(app.layer.value);
  const chosen = COSTS.find((one) => one.id === cost)?.id ?? "macs";
  const { totals, peak } = app.model.value.net;
  const limit = budgetOf(budget);
  const choose = (i: number): void => app.select(representative(g.shown, i));
  const tabs = (
    <Segments
      label="Cost"
      options={COSTS.map((one) => ({ id: one.id, name: phone ? one.short : one.name }))}
      value={chosen}
      choose={(id) => app.store.set({ cost: id })}
    />
  );
  const total = chosen === "macs" || chosen === "params" || chosen === "bytes" ? totals[chosen] : 0;
  return (
    <>
      <div class="line">
        <Verdict items={g.items} exact={totals.exact} />
        <Folds app={app} g={g} />
      </div>
      {phone
        ? (
          <>
            {tabs}
            <List g={g} cost={chosen} selected={selected} choose={choose} />
          </>
        )
        : (
          <Columns
            g={g}
            rows={costRows(peak?.layer ?? "")}
            between={(seen) => (
              <>
                <div class="sticky">{tabs}</div>
                <Ribbon
                  g={g}
                  {...seen}
                  cost={chosen}
                  total={total}
                  limit={chosen === "live" && limit?.cost === "bytes" ? limit.limit : null}
                />
              </>
            )}
          />
        )}
      <p class="note">
        Drawing: one step taller is twice the size, one step wider twice the channels. MACs count convolutions, linear
        layers and matrix products, padding taps included; FLOPs = 2 × MACs. Memory: float32, batch 1; ▲ marks the peak.
      </p>
      <BudgetLine app={app} />
      <Sheet
        name="Show all layers as a table"
        file={`${app.document.title}.csv`}
        table={() => layerTable(app.model.value)}
      />
    </>
  );
}

function BudgetLine({ app }: { app: App }) {
  const budget = budgetOf(app.selection.value.budget);
  if (!budget) return null;
  const value = spent(app.model.value.net, budget);
  if (value === null) return <p class="budgetline">What the budget of {budget.words} is spent on is not known.</p>;
  const share = value / budget.limit;
  return (
    <p class="budgetline">
      <span class="track" role="img" aria-label={`${percent(share)} of the budget`}>
        <i class={share > 1 ? "over" : ""} style={{ width: `${100 * Math.min(1, share) / Math.max(1, share)}%` }} />
        <b style={{ left: `${100 / Math.max(1, share)}%` }} />
      </span>
      {share > 1
        ? `Over the budget of ${budget.words} by ${percent(share - 1)}.`
        : `${percent(share)} of the budget of ${budget.words} is used.`}
    </p>
  );
}

function Folds({ app, g }: { app: App; g: Geometry }) {
  const { groups } = app.folding.value;
  if (!groups.size) return null;
  const all = [...groups.keys()];
  const closed = g.items.filter((item) => item.group).length;
  return (
    <span class="buttons">
      <button
        type="button"
        class="btn"
        disabled={!g.shown.brackets.length}
        onClick={() => app.store.set({ open: "-" })}
      >
        Fold all
      </button>
      <button
        type="button"
        class="btn"
        disabled={!closed}
        title={plural(app.model.value.steps.length, "column")}
        onClick={() => app.store.set({ open: app.folding.peek().text(new Set(all)) })}
      >
        Unfold all
      </button>
    </span>
  );
}
