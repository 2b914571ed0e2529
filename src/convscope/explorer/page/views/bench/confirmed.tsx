// What Python finds of the changed net: its totals, to hold those of this page against, and its checks.

import { useEffect, useState } from "preact/hooks";
import { useApp } from "../../app.ts";
import type { Document } from "../../document.ts";
import { Check } from "../../shell/inspector.tsx";
import type { Trouble } from "../../trouble.ts";
import { whole } from "../../words.ts";
import { written } from "./notation.tsx";

/** How long the net must stay as it is before Python is asked [ms]. */
const PAUSE = 300;

export function Confirmed() {
  const app = useApp(), { edit } = app.selection.value, { net, errors } = app.edited.value;
  const able = app.link.capabilities.has("confirm"), asked = edit && able && !errors.length ? written(app).text : "";
  const [answer, take] = useState<Document | Trouble | null>(null);
  useEffect(() => {
    take(null);
    if (!asked) return;
    const stop = new AbortController();
    const heard = (found: unknown): void => {
      if (!stop.signal.aborted) take(found as Document | Trouble);
    };
    const timer = setTimeout(() => app.link.call("read", { notation: asked }, stop).then(heard, heard), PAUSE);
    return () => (clearTimeout(timer), stop.abort());
  }, [asked]);
  if (!edit || (able && !answer)) return null;
  if (!answer) {
    return (
      <p class="note">
        Computed in this page by the rules of convscope's own table. The checks are those of Python: copy the notation
        and run <span class="mono">convscope check</span>.
      </p>
    );
  }
  if ("message" in answer) return <p class="note">{answer.message}</p>;
  const { params, macs } = answer.net.totals;
  const same = params === net.totals.params && macs === net.totals.macs;
  return (
    <div role="status">
      <p class="note">
        Python {same ? "agrees" : "computes"}: {whole(params)} params, {whole(macs)} MACs.
      </p>
      {answer.checks.map((one, i) => <Check key={i} one={one} />)}
    </div>
  );
}
