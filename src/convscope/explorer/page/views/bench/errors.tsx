// An error at its layer, with what resolves it.

import { useMemo } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import type { LayerError } from "../../engine/derive.ts";
import { fixesFor } from "../../engine/fixes.ts";

export function Errors() {
  const app = useApp();
  const { errors } = app.edited.value;
  return (
    <>
      {errors.map((error) => <One key={error.layer} app={app} error={error} />)}
    </>
  );
}

function One({ app, error }: { app: App; error: LayerError }) {
  const { derived } = app.edited.value;
  const fixes = useMemo(() => fixesFor(derived, error, app.document.net), [derived, error]);
  return (
    <section class="broken" role="alert">
      <h2>
        {error.layer}: {error.what}
      </h2>
      <p class="dim">
        {error.given && `It is given ${error.given}. `}
        {error.expected && `Expected: ${error.expected}. `}
        The layers after it have no size yet.
      </p>
      <span class="buttons">
        {fixes.map((fix) => (
          <button type="button" key={fix.words} class="btn" onClick={() => app.change(fix.edit)}>{fix.words}</button>
        ))}
        <button type="button" class="btn" onClick={() => app.store.undo()} disabled={!app.store.canUndo.value}>
          Undo
        </button>
      </span>
    </section>
  );
}
