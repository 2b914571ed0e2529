// Train from the page: start, watch, stop, resume; the other views show the run as it is at each checkpoint.

import { useState } from "preact/hooks";
import { type App, useApp } from "../../app.ts";
import { write } from "../../engine/notation.ts";
import { NEEDED } from "../../link/link.ts";
import { Curves } from "../../parts/curves.tsx";
import { share, short } from "../../parts/figures.ts";
import { toHash } from "../../state.ts";
import { type State, type Training, trainingOf } from "../../training.ts";
import { plural, whole } from "../../words.ts";
import { curves } from "./log.ts";

const SAID: Record<State, string> = {
  idle: "",
  running: "It is training.",
  stopping: "It stops after this step, and is saved.",
  stopped: "It is stopped and saved.",
  done: "It has finished.",
  failed: "It could not be trained.",
};

/** The net as it is now, in the notation; empty where the notation cannot say it. */
function notation(app: App): string {
  const { graph } = app.edited.value.derived;
  try {
    return app.selection.value.edit ? write(graph) : app.document.notation ?? "";
  } catch {
    return ""; // it has an op that only Python can write
  }
}

export function Train() {
  const app = useApp();
  if (!app.link.capabilities.has("train")) {
    return (
      <section class="part" aria-label="Train">
        <h2>Train it</h2>
        <p class="note">
          Training needs Python. <span class="mono">{NEEDED.train}</span> opens a page that trains.
        </p>
      </section>
    );
  }
  return <Linked app={app} training={trainingOf(app.link)} />;
}

function Linked({ app, training }: { app: App; training: Training }) {
  const own = app.document.run?.data.name ?? "mnist", known = training.data.value;
  const [data, takes] = useState(own), [epochs, lasts] = useState("1");
  const { state, run, log, why } = training.told.value;
  const text = notation(app), count = Number(epochs), fine = count > 0 && count <= 1000;
  const chosen = known.includes(data) ? data : known[0] ?? "mnist";
  const trouble = training.trouble.value;
  return (
    <section class="part" aria-label="Train">
      <h2>{app.selection.value.edit ? "Train the net as it is now" : "Train this net"}</h2>
      <p class="training">
        <label>
          <span class="lab">Data</span>
          <select value={chosen} disabled={training.busy.value} onChange={(event) => takes(event.currentTarget.value)}>
            {known.map((name) => <option key={name}>{name}</option>)}
          </select>
        </label>
        <label>
          <span class="lab">Epochs</span>
          <input
            type="text"
            inputMode="decimal"
            size={5}
            value={epochs}
            aria-invalid={!fine}
            disabled={training.busy.value}
            onInput={(event) => lasts(event.currentTarget.value)}
          />
        </label>
        {training.busy.value
          ? (
            <button type="button" class="btn" disabled={state === "stopping"} onClick={() => training.stop()}>
              Stop and save
            </button>
          )
          : (
            <button
              type="button"
              class="btn"
              disabled={!text || !fine}
              onClick={() => training.start(text, chosen, count)}
            >
              Start training
            </button>
          )}
        {state === "stopped" && <button type="button" class="btn" onClick={() => training.resume()}>Resume</button>}
      </p>
      {!text && <p class="note">The notation cannot say this net, so it is trained from Python: cs.train(net).</p>}
      {trouble && (
        <p class="notice" role="alert">
          <span>
            <b>{trouble.message}</b> {trouble.attempt}
          </span>
        </p>
      )}
      <p role="status">
        {SAID[state]} {why && <span class="dim">{why}</span>}
        {log.length > 0 && <Now log={log} />}
        {run && run !== app.document.run?.name.toLowerCase() && log.length > 0 && (
          <>
            {" "}
            <a
              class="way"
              href={`?document=${encodeURIComponent(run)}#${toHash({ ...app.selection.value, edit: "" })}`}
            >
              Open this run
            </a>
          </>
        )}
      </p>
      {log.length > 1 && (
        <Curves
          curves={curves(log, "accuracy")}
          width={Math.min(app.layout.value.width, 880)}
          height={180}
          say={(value) => `${Math.round(1000 * value) / 10} %`}
          x="epochs"
          y=""
          at={log[log.length - 1].epoch}
          label={`Accuracy of the training, ${plural(log.length, "report")}`}
        />
      )}
    </section>
  );
}

function Now(
  { log }: { log: readonly { step: number; accuracy: number; loss: number; val_accuracy: number | null }[] },
) {
  const line = log[log.length - 1];
  return (
    <>
      Step <b>{whole(line.step)}</b>: training accuracy <b>{share(line.accuracy)}</b>, loss {short(line.loss, 4)}
      {line.val_accuracy !== null && <>, validation accuracy {share(line.val_accuracy)}</>}.
    </>
  );
}
