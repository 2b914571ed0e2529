// The whole net as text: the drawing and the text are one thing, and either may be changed.

import { useEffect, useState } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { EngineError, NotationError } from "../../engine/errors.ts";
import { parse, write } from "../../engine/notation.ts";
import { NEEDED } from "../../link/link.ts";
import { Trouble } from "../../trouble.ts";

/** The net in the notation, or why the notation cannot say it. */
export function written(app: App): { text: string; wrong: string } {
  try {
    return { text: write(app.edited.value.derived.graph, app.document.net), wrong: "" };
  } catch (error) {
    if (error instanceof EngineError) return { text: "", wrong: error.message };
    throw error;
  }
}

const broken = (text: string): string => text.replaceAll(", ", ",\n");

export function Notation() {
  const app = useApp();
  const { text, wrong } = written(app);
  const [typed, type] = useState<string | null>(null);
  const [trouble, say] = useState<EngineError | null>(null);
  useEffect(() => (type(null), say(null)), [app.selection.value.edit]);
  const accept = (next: string): void => {
    type(next);
    try {
      parse(next);
      say(null);
    } catch (error) {
      if (error instanceof EngineError) say(error);
      else throw error;
    }
  };
  const use = (): void => {
    if (typed === null || trouble) return;
    app.change({ kind: "text", text: typed });
  };
  if (wrong) {
    return (
      <section class="notationtext">
        <h2>Notation</h2>
        <p class="dim">The notation cannot say this net: {wrong}. Change it layer by layer above.</p>
      </section>
    );
  }
  const shown = typed ?? broken(text), changed = typed !== null && typed !== broken(text);
  return (
    <section class="notationtext">
      <h2>
        <label for="notation">Notation</label>
      </h2>
      <textarea
        id="notation"
        class="mono"
        spellcheck={false}
        rows={Math.min(14, shown.split("\n").length + 1)}
        value={shown}
        aria-invalid={trouble !== null}
        onInput={(event) => accept(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) use();
        }}
      />
      {trouble && <Wrong trouble={trouble} />}
      <span class="buttons">
        <button type="button" class="btn" disabled={!changed || trouble !== null} onClick={use}>
          Use this text <kbd>Ctrl Enter</kbd>
        </button>
        {changed && <button type="button" class="btn" onClick={() => (type(null), say(null))}>Discard it</button>}
        <Copies app={app} text={text} />
      </span>
    </section>
  );
}

function Wrong({ trouble }: { trouble: EngineError }) {
  const where = trouble instanceof NotationError ? `Line ${trouble.line}, column ${trouble.column}: ` : "";
  return (
    <p class="wrong" role="status">
      {where}
      {trouble.message}
      {trouble.expected && `; expected: ${trouble.expected}`}
      {trouble.attempt && `. Try: ${trouble.attempt}`}
    </p>
  );
}

const LANGUAGES = [["torch", "PyTorch"], ["keras", "Keras"]] as const;

function Copies({ app, text }: { app: App; text: string }) {
  const [said, say] = useState("");
  const copy = async (get: () => Promise<string>): Promise<void> => {
    try {
      await navigator.clipboard.writeText(await get());
      say("Copied");
    } catch (error) {
      say(error instanceof Trouble ? `${error.message} ${error.attempt}` : "Copying is not allowed here");
    }
    setTimeout(() => say(""), 3000);
  };
  const able = app.link.capabilities.has("confirm");
  const asked = async (to: string): Promise<string> => {
    const answer = await app.link.call("write", { notation: text, to });
    return String((answer as { text?: unknown }).text ?? "");
  };
  return (
    <>
      <button type="button" class="btn" onClick={() => copy(() => Promise.resolve(text))}>Copy the notation</button>
      {LANGUAGES.map(([to, name]) => (
        <button
          type="button"
          key={to}
          class="btn"
          disabled={!able}
          title={able ? "" : `Python writes code. Start it: ${NEEDED.confirm}`}
          onClick={() => copy(() => asked(to))}
        >
          Copy as {name}
        </button>
      ))}
      <span role="status" class="lab">{said}</span>
    </>
  );
}
