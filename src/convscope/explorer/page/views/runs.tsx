// Runs: when did it learn, how good is it, and how sure is that.

import { type App, useApp } from "../app.ts";
import type { Report, Run } from "../document.ts";
import { Curves } from "../parts/curves.tsx";
import { between, duration, share, short } from "../parts/figures.ts";
import { Segments } from "../parts/segments.tsx";
import { Sheet, type Table } from "../parts/sheet.tsx";
import { Slider } from "../parts/slider.tsx";
import { plural, whole } from "../words.ts";
import { useSignal } from "@preact/signals";
import { Counter } from "./runs/counter.tsx";
import { bestOf, curves, halfway, lineAt, type Metric } from "./runs/log.ts";
import { Pair } from "./runs/paired.tsx";
import { Provenance } from "./runs/provenance.tsx";
import { Scaling } from "./runs/scaling.tsx";
import { Train } from "./runs/train.tsx";

const METRICS: readonly { id: Metric; name: string }[] = [
  { id: "accuracy", name: "Accuracy" },
  { id: "loss", name: "Loss" },
  { id: "learning_rate", name: "Learning rate" },
];

const SAY: Record<Metric, (value: number) => string> = {
  accuracy: (value) => `${Math.round(1000 * value) / 10} %`,
  loss: (value) => String(Number(value.toPrecision(4))),
  learning_rate: (value) => String(Number(value.toPrecision(4))),
};

/** Step through the log. */
export function runsKeys(app: App, event: KeyboardEvent): boolean {
  const log = app.document.run?.log ?? [];
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by || !log.length || event.ctrlKey || event.altKey || event.metaKey) return false;
  const next = lineAt(log, app.store.now.step) + by;
  if (log[next]) app.store.set({ step: log[next].step }, "glide");
  return true;
}

export function Runs() {
  const app = useApp();
  const { run, against } = app.document;
  if (!run) return <Train />;
  return (
    <>
      <Verdict run={run} />
      <Learning run={run} />
      <Train />
      {against ? <Pair run={run} against={against} /> : <Alone />}
      {run.evaluation && <Scaling evaluation={run.evaluation} />}
      <Counter run={run} />
      <Provenance run={run} />
    </>
  );
}

const Alone = () => (
  <section class="part" aria-label="Two runs">
    <h2>Is the difference to another run real?</h2>
    <p class="note">
      This document has one run. Compare two on the same images: convscope explore RUN RUN, or as text, convscope
      compare RUN RUN
    </p>
  </section>
);

function Verdict({ run }: { run: Run }) {
  const last = run.log.at(-1), result = run.evaluation;
  const trained = last
    ? `${plural(last.step, "step")}, ${plural2(last.epoch)} and ${duration(run.seconds)} of training`
    : `${duration(run.seconds)} of training`;
  return (
    <p class="verdict">
      After {trained}
      {run.step !== null && ", which was then stopped"}, {result
        ? (
          <>
            it classifies <b>{share(result.accuracy)}</b> of {whole(result.count)} {result.split}{" "}
            images correctly; 95 % interval {between(result.interval)}. {Doubt(result.count - result.hits)}
          </>
        )
        : "its accuracy on the test images is unknown: they are not where they were."} {learned(run.log)}
    </p>
  );
}

/** The scatter of a count of mistakes, in words. */
const Doubt = (wrong: number): string =>
  wrong
    ? `${whole(wrong)} mistakes scatter by about √${whole(wrong)} = ${
      Math.sqrt(wrong).toFixed(1)
    } from one test set to the next.`
    : "";

const plural2 = (epochs: number): string => {
  const text = String(Math.round(100 * epochs) / 100);
  return `${text} epoch${text === "1" ? "" : "s"}`;
};

/** When it learned, and whether it went on too long, from the log alone. */
function learned(log: readonly Report[]): string {
  const half = halfway(log), best = bestOf(log), last = log.at(-1);
  if (!half || !last || log.length < 3) return "";
  const early = `Half of the gain in training accuracy was reached by step ${whole(half.step)} of ${whole(last.step)}.`;
  if (!best || best.val_loss === null || last.val_loss === null || best === last) return early;
  return `${early} The validation loss was lowest at step ${whole(best.step)} (${short(best.val_loss)}) and ended at ${
    short(last.val_loss)
  }.`;
}

function Learning({ run }: { run: Run }) {
  const app = useApp();
  const metric = useSignal<Metric>("accuracy");
  const { width } = app.layout.value;
  const { log } = run;
  if (log.length < 2) {
    return <p class="note">The training log has {plural(log.length, "line")}: too few for a curve.</p>;
  }
  const at = lineAt(log, app.selection.value.step), line = log[at];
  const shown = curves(log, metric.value, app.document.against?.run.log), wide = Math.min(width, 880);
  const pick = (epoch: number): void => {
    const near = log.reduce((best, one) => Math.abs(one.epoch - epoch) < Math.abs(best.epoch - epoch) ? one : best);
    app.store.set({ step: near.step }, "glide");
  };
  return (
    <section class="part" aria-label="Learning curves">
      <Segments label="Curves of" options={METRICS} value={metric.value} choose={(id) => metric.value = id} />
      <Curves
        curves={shown}
        width={wide}
        height={260}
        say={SAY[metric.value]}
        x="epochs"
        y={metric.value === "loss" ? "nats" : ""}
        at={line.epoch}
        pick={pick}
        label={`${METRICS.find(({ id }) => id === metric.value)?.name} by epoch: ${
          shown.map(ends(SAY[metric.value])).join("; ")
        }`}
      />
      <Slider
        name="Step"
        width={wide}
        most={log.length - 1}
        value={at}
        text={whole(line.step)}
        set={(next) => app.store.set({ step: log[next].step }, "glide")}
      />
      <p class="reading-out" role="status">
        <b>Step {whole(line.step)}</b>, epoch {String(Math.round(1000 * line.epoch) / 1000)}: training accuracy{" "}
        <b>{share(line.accuracy)}</b>, loss <b>{short(line.loss, 4)}</b>
        {line.val_accuracy !== null && `; validation accuracy ${share(line.val_accuracy)}`}
        {line.val_loss !== null && `, loss ${short(line.val_loss, 4)}`}; learning rate{" "}
        {line.learning_rate.toPrecision(3)}, after {duration(line.seconds)}.
      </p>
      <p class="note">
        Training values are means since the epoch began, over shifted or otherwise changed images and with the weights
        of the moment. So they lag behind and may lie below the test accuracy. Kernels and mistakes are those of the
        end: a run keeps no earlier weights.
        {log.every((one) => one.val_loss === null) && " There are no validation images in this run."}
      </p>
      <Sheet name="Show the log as a table" file={`${run.name}-log.csv`} table={() => asTable(log)} />
    </section>
  );
}

const ends = (say: (value: number) => string) => ({ name, points }: ReturnType<typeof curves>[number]): string =>
  points.length ? `${name} from ${say(points[0].value)} to ${say(points[points.length - 1].value)}` : name;

function asTable(log: readonly Report[]): Table {
  const text = (value: number | null, digits: number): string => value === null ? "–" : value.toFixed(digits);
  return {
    columns: [
      "step",
      "epoch",
      "loss",
      "accuracy",
      "validation loss",
      "validation accuracy",
      "learning rate",
      "seconds",
    ],
    rows: log.length,
    row: (i) => {
      const one = log[i];
      const rate = String(Number(one.learning_rate.toPrecision(6)));
      return [
        String(one.step),
        text(one.epoch, 4),
        text(one.loss, 6),
        text(one.accuracy, 6),
        text(one.val_loss, 6),
        text(one.val_accuracy, 6),
        rate,
        text(one.seconds, 2),
      ];
    },
  };
}
