// The bar at the top: where one is, the totals of the net, the reader's budget.

import { useState } from "preact/hooks";
import { useApp } from "../app.ts";
import { budgetOf, spent } from "../budget.ts";
import { fieldText } from "../model.ts";
import { bytesOr, count, percent, whole } from "../words.ts";
import { Icon, Mark } from "./icons.tsx";
import { turnTheme } from "./keys.tsx";

export function Top() {
  const app = useApp();
  return (
    <header class="top">
      <span class="brand">
        <Mark />
        <span>convscope</span>
      </span>
      <Crumbs />
      <Totals />
      <Budget />
      <span class="tools">
        <Undo />
        <CopyLink />
        <button
          type="button"
          class="ico"
          title="Light or dark (T)"
          aria-label="Light or dark"
          onClick={() => turnTheme(app)}
        >
          <Icon name="theme" />
        </button>
        <button
          type="button"
          class="ico wide"
          title="Keyboard shortcuts (?)"
          aria-label="Keyboard shortcuts"
          onClick={() => app.keysShown.value = true}
        >
          <Icon name="keys" />
        </button>
      </span>
    </header>
  );
}

function Crumbs() {
  const app = useApp();
  const { unit, channel } = app.selection.value;
  const names = [app.document.title, app.layer.value];
  if (channel !== null) names.push(`channel ${channel}`);
  if (unit) names.push(`unit ${unit.join(", ")}`);
  return (
    <nav class="crumbs" aria-label="Selection">
      {names.map((name, i) => {
        const last = i === names.length - 1;
        const back = i === 0 ? { layer: "", unit: null, channel: null } : { unit: null, channel: null };
        return (
          <span key={i}>
            {i > 0 && <i aria-hidden="true">›</i>}
            {last
              ? <b title={name}>{name}</b>
              : <button type="button" title={name} onClick={() => app.store.set(back)}>{name}</button>}
          </span>
        );
      })}
    </nav>
  );
}

function Totals() {
  const app = useApp();
  const { net } = app.model.value;
  const { params, macs, exact, missing } = net.totals;
  const broken = app.edited.value.errors.length > 0;
  const at = exact ? "" : "≥ ";
  const unknown = exact ? "" : `; unknown: ${missing.slice(0, 5).join(", ")}`;
  const last = net.layers.at(-1);
  const accuracy = app.selection.value.edit ? null : app.document.run?.evaluation;
  return (
    <dl class="totals" data-cover="costs field">
      <Total
        name="Params"
        value={broken ? "unknown" : at + (params < 1e7 ? whole(params) : count(params))}
        more={whole(params) + unknown}
      />
      <Total name="MACs" value={broken ? "unknown" : at + count(macs)} more={whole(macs) + unknown} />
      <Total
        name="Peak memory"
        value={bytesOr(net.peak && net.peak.bytes)}
        more={net.peak
          ? `live activations at ${net.peak.layer}: ${whole(net.peak.bytes)} bytes, float32, batch 1`
          : "of a net that was changed here; Python knows: convscope table --memory"}
      />
      <Total
        name="RF"
        value={broken ? "unknown" : last ? fieldText(last.rf) : "–"}
        more="receptive field of the last layer [input pixel]"
      />
      {accuracy && (
        <Total
          name="Accuracy"
          value={`${(accuracy.accuracy * 100).toFixed(2)} %`}
          more={`${whole(accuracy.hits)} of ${whole(accuracy.count)} ${accuracy.split} images`}
        />
      )}
    </dl>
  );
}

const Total = ({ name, value, more }: { name: string; value: string; more: string }) => (
  <div title={more}>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
);

const focused = (field: HTMLInputElement | null): void => field?.focus();

function Budget() {
  const app = useApp();
  const [edited, edit] = useState<string | null>(null);
  const budget = budgetOf(app.selection.value.budget);
  const save = (text: string): void => {
    const found = budgetOf(text);
    if (text.trim() === "" || found) app.store.set({ budget: found?.text ?? "" });
    edit(null);
  };
  if (edited !== null) {
    return (
      <form class="chip" onSubmit={(event) => (event.preventDefault(), save(edited))}>
        <label>
          Budget{" "}
          <input
            ref={focused}
            class="bare"
            value={edited}
            placeholder="2M MACs, 64 KiB, 1M params"
            aria-invalid={edited.trim() !== "" && !budgetOf(edited)}
            onInput={(event) => edit(event.currentTarget.value)}
            onBlur={() => save(edited)}
            onKeyDown={(event) => event.key === "Escape" && edit(null)}
          />
        </label>
      </form>
    );
  }
  if (!budget) {
    return <button type="button" class="chip" onClick={() => edit("")}>Set a budget</button>;
  }
  const value = spent(app.model.value.net, budget), share = (value ?? 0) / budget.limit;
  const words = value === null ? "unknown" : share > 1 ? `over by ${percent(share - 1)}` : percent(share);
  return (
    <button
      type="button"
      class={`chip${share > 1 ? " over" : ""}`}
      title="Change the budget"
      onClick={() => edit(budget.words)}
    >
      <span class="long">Budget {budget.words}</span>
      <span class="meter" aria-hidden="true">
        <i style={{ width: `${Math.min(100, share * 100)}%` }} />
      </span>
      {words}
    </button>
  );
}

function Undo() {
  const { store } = useApp();
  const button = (name: "undo" | "redo", works: boolean) => (
    <button
      type="button"
      class="ico wide"
      disabled={!works}
      aria-label={name}
      title={works ? (name === "undo" ? "Undo (Ctrl Z)" : "Redo (Ctrl Y)") : `Nothing to ${name}`}
      onClick={() => store[name]()}
    >
      <Icon name={name} />
    </button>
  );
  if (!store.canUndo.value && !store.canRedo.value) return null;
  return (
    <>
      {button("undo", store.canUndo.value)}
      {button("redo", store.canRedo.value)}
    </>
  );
}

function CopyLink() {
  const [said, say] = useState("");
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(location.href);
      say("Copied");
    } catch {
      say("Copy the address of this page: it holds what you see");
    }
    setTimeout(() => say(""), 2500);
  };
  return (
    <span class="copy">
      <button type="button" class="ico wide" title="Copy a link to this state" aria-label="Copy a link" onClick={copy}>
        <Icon name="link" />
      </button>
      <span role="status" class="bubble">{said}</span>
    </span>
  );
}
