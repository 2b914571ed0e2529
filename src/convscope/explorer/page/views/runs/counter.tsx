// Batches and epochs, counted: images and batch make the steps of an epoch, epochs the steps of a training.

import { useSignal } from "@preact/signals";
import type { Run } from "../../document.ts";
import { plural, whole } from "../../words.ts";
import { counted, setting } from "./log.ts";

export function Counter({ run }: { run: Run }) {
  const images = useSignal(run.data.counts.train ?? 10);
  const batch = useSignal(setting(run, "batch") ?? 2);
  const epochs = useSignal(setting(run, "epochs") ?? 3);
  const even = run.provenance.some((fact) => fact.name === "even" && fact.value === "true");
  const sums = counted(images.value, batch.value, epochs.value, even);
  const size = Math.min(batch.value, images.value), full = sums.each * size;
  return (
    <section class="part" aria-label="Batches and epochs">
      <h2>How many steps is that?</h2>
      <p class="fields">
        <Number_ name="Images" value={images.value} least={1} set={(value) => images.value = value} />
        <Number_ name="Batch" value={batch.value} least={1} set={(value) => batch.value = value} />
        <Number_ name="Epochs" value={epochs.value} least={0.01} step={0.01} set={(value) => epochs.value = value} />
      </p>
      <p class="sum" role="status">
        {even
          ? (
            <>
              {whole(images.value)} images, spread evenly over batches of at most {whole(size)}:{" "}
              <b>{whole(sums.each)}</b> {sums.each === 1 ? "batch" : "batches"} an epoch
            </>
          )
          : (
            <>
              {whole(images.value)} images ÷ {whole(size)} = <b>{whole(sums.each)}</b> full{" "}
              {sums.each === 1 ? "batch" : "batches"} an epoch
              {sums.left > 0 &&
                ` (${whole(full)} images; the ${whole(sums.left)} left over are dropped, others in each epoch)`}
            </>
          )}; {String(epochs.value)} × {whole(sums.each)} = <b>{plural(sums.all, "step")}</b>.
      </p>
      <p class="lab">A step looks at one batch. An epoch is over when every image has been used once.</p>
    </section>
  );
}

function Number_({ name, value, least, step = 1, set }: {
  name: string;
  value: number;
  least: number;
  step?: number;
  set: (value: number) => void;
}) {
  const typed = (event: Event & { currentTarget: HTMLInputElement }): void => {
    const found = event.currentTarget.valueAsNumber;
    if (Number.isFinite(found) && found >= least && found <= 1e9) set(step === 1 ? Math.floor(found) : found);
  };
  return (
    <label>
      <span>{name}</span>
      <input type="number" value={value} min={least} step={step === 1 ? 1 : "any"} onInput={typed} />
    </label>
  );
}
