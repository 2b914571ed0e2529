// What is needed to repeat a run.

import type { Run } from "../../document.ts";
import { duration } from "../../parts/figures.ts";
import { whole } from "../../words.ts";

export function Provenance({ run }: { run: Run }) {
  const counts = Object.entries(run.data.counts).map(([split, count]) => `${whole(count)} ${split}`);
  return (
    <section class="part" aria-label="Provenance">
      <h2>What is needed to repeat it</h2>
      <p class="lab">
        Recipe <bdi>{run.recipe}</bdi>, seed {run.seed}, data <bdi>{run.data.name}</bdi>
        {counts.length > 0 && ` (${counts.join(", ")} images)`}, {duration(run.seconds)}
        {run.images_per_second === null ? "" : ` at ${whole(run.images_per_second)} images/s`}.
      </p>
      <details>
        <summary>All {run.provenance.length} facts</summary>
        <dl class="facts many">
          {run.provenance.map((fact, i) => (
            <div key={i}>
              <dt>{fact.name}</dt>
              <dd>
                <bdi>{fact.value}</bdi>
              </dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}
