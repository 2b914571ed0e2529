// The run in numbers.

import { useApp } from "../../app.ts";
import { between, duration, share, short } from "../../parts/figures.ts";
import { Fact } from "../../shell/inspector.tsx";
import { whole } from "../../words.ts";

export function OfRun() {
  const app = useApp();
  const { run, net } = app.document;
  if (!run) return null;
  const result = run.evaluation;
  return (
    <>
      <p class="lab">Run</p>
      <h2>
        <bdi>{run.name}</bdi>
      </h2>
      <dl>
        <Fact
          name="Accuracy"
          value={result ? share(result.accuracy) : "unknown"}
          how={result ? `95 %: ${between(result.interval)}` : undefined}
        />
        <Fact name="Loss" value={result ? short(result.loss, 4) : "unknown"} how={result ? "nats" : undefined} />
        <Fact name="Calibration error" value={result ? `${(100 * result.calibration).toFixed(2)} points` : "unknown"} />
        <Fact name="Params" value={`${net.totals.exact ? "" : "≥ "}${whole(net.totals.params)}`} />
        <Fact name="Steps" value={run.log.length ? whole(run.log[run.log.length - 1].step) : "unknown"} />
        <Fact
          name="Training"
          value={duration(run.seconds)}
          how={run.images_per_second === null ? undefined : `${whole(run.images_per_second)} images/s`}
        />
        <Fact name="Recipe, seed" value={`${run.recipe}, ${run.seed}`} />
      </dl>
    </>
  );
}
