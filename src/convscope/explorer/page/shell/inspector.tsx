// The selection in exact numbers, with the arithmetic where it is short, and the ways on.

import type { Finding } from "../document.ts";
import { type App, useApp } from "../app.ts";
import type { Item } from "../items.ts";
import { arithmetic, type Facts, fieldText, fraction, short, strideText, type Sum, title } from "../model.ts";
import type { Group } from "../tree.ts";
import { VIEWS } from "../views/views.ts";
import { bytes, bytesOr, percent, plural, signed, size, whole } from "../words.ts";

const unknown = (value: number | null): string => value === null ? "unknown" : whole(value);

export function Inspector() {
  const app = useApp();
  const layer = app.selected;
  const view = VIEWS.find((one) => one.id === app.selection.value.view);
  if (view?.Aside && !view.missing?.(app)) {
    return (
      <aside class="side" aria-label="Selection in numbers">
        <view.Aside />
        <Ways />
      </aside>
    );
  }
  const shown = app.selection.value.view === "map" ? app.shown.value : null;
  const item = shown?.items[shown.itemOf(app.layer.value)];
  return (
    <aside class="side" aria-label="Selection in numbers" data-cover="costs field">
      {item?.group && <OfGroup item={item} group={item.group} />}
      {layer ? <OfLayer layer={layer} /> : <OfInput />}
      <Findings />
      <Ways />
    </aside>
  );
}

/** One number; where it is short, how it arises. */
export const Fact = ({ name, value, how }: { name: string; value: string; how?: string }) => (
  <>
    <dt>{name}</dt>
    <dd>
      {value}
      {how && <small>{how}</small>}
    </dd>
  </>
);

function OfLayer({ layer }: { layer: Facts }) {
  const app = useApp();
  const model = app.model.value;
  const made = arithmetic(layer, model.shape(layer.inputs[0]));
  const start = layer.rf.map((axis) => axis.start === null ? "–" : signed(axis.start));
  const steady = layer.rf.some((axis) => axis.stride !== null);
  return (
    <>
      <p class="lab">{title(layer)}</p>
      <h2 title={layer.name}>{short(layer.name)}</h2>
      {short(layer.name) !== layer.name && <p class="path">{layer.name}</p>}
      <p class="mono notation">{layer.text}</p>
      <dl>
        <Fact name="Output" value={size(layer.out)} />
        <Fact name="Params" value={unknown(layer.params)} how={made.params} />
        <Fact name="MACs" value={unknown(layer.macs)} how={made.macs} />
        <Fact name="Activations" value={bytesOr(layer.bytes)} />
        {layer.live !== null && <Fact name="Live memory" value={bytes(layer.live)} />}
        <Fact
          name="RF"
          value={layer.out.length ? `${fieldText(layer.rf)} px` : "unknown"}
          how={layer.gated ? `${fieldText(layer.gated)} with gates` : undefined}
        />
        {steady && (
          <Fact
            name="Stride, start"
            value={`${strideText(layer.rf)}, ${[...new Set(start)].join("×")}`}
            how="input pixels"
          />
        )}
        {steady && layer.rf.some((axis) => axis.centre) && (
          <Fact
            name="Centre of unit 0"
            value={[...new Set(layer.rf.map((axis) => signed2(fraction(axis.centre))))].join("×")}
          />
        )}
      </dl>
      {layer.rf.some((axis) => axis.seams) && (
        <p class="lab">Units at a seam see other pixels; elsewhere this is exact.</p>
      )}
      {layer.shared && <p class="lab">Its weights are counted at the layer that uses them first.</p>}
    </>
  );
}

const signed2 = (text: string): string => text.replace("-", "\u2212");

/** A closed group of the Map: the sums over its layers. */
function OfGroup({ item, group }: { item: Item; group: Group }) {
  const app = useApp();
  const { totals } = app.model.value.net;
  const share = (part: Sum, of: number): string => of > 0 && part.exact ? `${percent(part.value / of)} of the net` : "";
  const all = (part: Sum): string => part.exact ? whole(part.value) : part.value ? `≥ ${whole(part.value)}` : "unknown";
  return (
    <section class="ofgroup">
      <p class="lab">{group.id.startsWith("~") ? "Layers" : "Module"}</p>
      <h2>{group.id.startsWith("~") ? group.title : group.id}</h2>
      <dl>
        <Fact name="Layers" value={whole(item.layers.length)} />
        <Fact name="Output" value={size(item.out)} />
        <Fact name="Params" value={all(item.params)} how={share(item.params, totals.params)} />
        <Fact name="MACs" value={all(item.macs)} how={share(item.macs, totals.macs)} />
        <Fact name="Activations" value={bytesOr(item.bytes.exact ? item.bytes.value : null)} />
        <Fact name="RF" value={`${fieldText(item.rf)} px`} />
      </dl>
      <button type="button" class="btn" onClick={() => app.toggle(group.id)}>
        Unfold <kbd>F</kbd>
      </button>
      <h3>Selected in it</h3>
    </section>
  );
}

function OfInput() {
  const app = useApp();
  const name = app.layer.value;
  const { net } = app.model.value;
  return (
    <>
      <p class="lab">Input</p>
      <h2>{name}</h2>
      <dl>
        <Fact name="Size" value={size(app.model.value.shape(name))} />
        <Fact name="Layers" value={whole(net.layers.length)} />
        <Fact name="Params" value={`${net.totals.exact ? "" : "≥ "}${whole(net.totals.params)}`} />
        <Fact name="MACs" value={`${net.totals.exact ? "" : "≥ "}${whole(net.totals.macs)}`} />
      </dl>
      {!net.totals.exact && <p class="lab">Unknown: {net.totals.missing.slice(0, 8).join(", ")}.</p>}
      {net.notes.map((note) => <p class="lab" key={note}>{note}</p>)}
    </>
  );
}

/** What a check has found. */
export const Check = ({ one }: { one: Finding }) => (
  <div class="check">
    <p>
      <span class="mono code">{one.code}</span> <b>{one.what}</b>
    </p>
    <p class="dim">{one.do}</p>
    {one.change && <p class="lab">{one.change}</p>}
  </div>
);

function Findings() {
  const app = useApp();
  const name = app.layer.value;
  const input = !app.selected;
  const found = app.document.checks.filter((one) => one.layer === name || (input && one.layer === null));
  const others = app.document.checks.length - found.length;
  if (!app.document.checks.length) return null;
  return (
    <section>
      <h3>{app.selection.value.edit ? "Checks of the net before the changes" : "Checks"}</h3>
      {found.map((one, i) => <Check key={i} one={one} />)}
      {others > 0 && <Elsewhere app={app} count={others} />}
    </section>
  );
}

function Elsewhere({ app, count }: { app: App; count: number }) {
  const name = app.layer.value;
  const next = app.document.checks.find((one) => one.layer !== null && one.layer !== name);
  return (
    <p class="lab">
      {plural(count, "finding")} at other layers{next?.layer && (
        <>
          , such as{" "}
          <button type="button" class="way" onClick={() => next.layer && app.select(next.layer)}>{next.layer}</button>
        </>
      )}.
    </p>
  );
}

const WAYS: readonly (readonly [string, string, string])[] = [
  ["map", "Show on the Map", "1"],
  ["bench", "Change this layer", "2"],
  ["reach", "See what a unit reads", "3"],
  ["micro", "See how a number arises", "4"],
];

function Ways() {
  const app = useApp();
  const here = app.selection.value.view;
  return (
    <div class="ways">
      {WAYS.filter(([view]) => view !== here && (app.selected || view === "map")).map(([view, words, key]) => (
        <button
          type="button"
          key={view}
          onClick={() => app.store.set({ view })}
        >
          <span>{words}</span>
          <kbd>{key}</kbd>
        </button>
      ))}
    </div>
  );
}
