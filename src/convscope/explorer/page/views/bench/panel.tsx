// The selected layer, open for change: its settings, what goes after it, and its removal.

import { useState } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { apply, type Edit } from "../../engine/edit.ts";
import { EngineError } from "../../engine/errors.ts";
import { completed, OPS } from "../../engine/ops/registry.ts";
import type { Facts } from "../../model.ts";
import { short } from "../../model.ts";
import { Field } from "./field.tsx";

const QUICK = ["conv 32 3x3 p1", "bn", "relu", "maxpool 2", "dropout 0.2"];

export function Panel() {
  const app = useApp();
  const layer = app.selected;
  return (
    <section class="panel" aria-label="The selected layer">
      {layer ? <Settings app={app} layer={layer} /> : <h2>After the input {app.layer.value}</h2>}
      <Insert app={app} after={layer?.name ?? app.layer.value} />
    </section>
  );
}

function Settings({ app, layer }: { app: App; layer: Facts }) {
  const op = OPS.get(layer.op);
  const settings = op ? completedOr(layer) : {};
  const remove = (): void => {
    const next = layer.inputs[0];
    app.change({ kind: "remove", layer: layer.name });
    app.select(next, "glide");
  };
  return (
    <>
      <h2>
        {short(layer.name)} <span class="mono dim notation">{layer.text}</span>
      </h2>
      {!op && <p class="dim">The page cannot change an op of this kind, only keep, replace or remove it.</p>}
      {op && op.declared.length === 0 && <p class="dim">This op has no settings.</p>}
      <div class="settings">
        {op?.declared.map((setting) => (
          <Field
            key={`${layer.name} ${setting.name}`}
            setting={setting}
            value={settings[setting.name]}
            change={(value, how) => app.change({ kind: "set", layer: layer.name, field: setting.name, value }, how)}
          />
        ))}
      </div>
      <span class="buttons">
        <button type="button" class="btn" onClick={remove}>Remove {short(layer.name)}</button>
      </span>
    </>
  );
}

function completedOr(layer: Facts): Record<string, unknown> {
  const op = OPS.get(layer.op);
  try {
    return op ? { ...completed(op, layer.settings) } : {};
  } catch (error) {
    if (error instanceof EngineError) return { ...layer.settings };
    throw error;
  }
}

function Insert({ app, after }: { app: App; after: string }) {
  const [words, type] = useState("");
  const [wrong, say] = useState("");
  const put = (text: string): void => {
    const edit: Edit = { kind: "insert", after, words: text };
    try {
      const graph = app.edited.peek().derived.graph, known = new Set(graph.nodes.map((node) => node.name));
      const made = apply(graph, edit).nodes.filter((node) => !known.has(node.name));
      app.change(edit);
      app.select(made[made.length - 1].name, "glide");
      type("");
      say("");
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      say(error.expected ? `${error.message}; expected: ${error.expected}` : error.message);
    }
  };
  return (
    <form class="insert" onSubmit={(event) => (event.preventDefault(), put(words))}>
      <label for="insert-words">Insert after {short(after)}</label>
      <span class="buttons">
        <input
          id="insert-words"
          class="mono"
          value={words}
          placeholder="conv 32 3x3 bn relu"
          aria-invalid={wrong !== ""}
          onInput={(event) => (type(event.currentTarget.value), say(""))}
        />
        <button type="submit" class="btn" disabled={!words.trim()}>Insert</button>
        {QUICK.map((one) => (
          <button type="button" key={one} class="btn mono quick" onClick={() => put(one)}>{one}</button>
        ))}
      </span>
      <span class="wrong" role="status">{wrong}</span>
    </form>
  );
}
