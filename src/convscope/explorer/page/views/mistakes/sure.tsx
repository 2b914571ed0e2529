// How sure the net is, and how many images a person must look at to catch its mistakes.

import { useSignal } from "@preact/signals";
import { useApp } from "../../app.ts";
import type { Evaluation, Sureness } from "../../document.ts";
import { share } from "../../parts/figures.ts";
import { Sheet } from "../../parts/sheet.tsx";
import { Slider } from "../../parts/slider.tsx";
import { plural, whole } from "../../words.ts";

const EACH = 5; // hundredths in a bar

const sum = (values: readonly number[]): number => values.reduce((total, one) => total + one, 0);

/** Images below a threshold, in hundredths of the probability of the predicted class. */
export const below = (sure: Sureness, threshold: number): { images: number; wrong: number } => {
  const wrong = sum(sure.wrong.slice(0, threshold));
  return { images: wrong + sum(sure.correct.slice(0, threshold)), wrong };
};

export function Sure({ evaluation }: { evaluation: Evaluation }) {
  const { width } = useApp().layout.value;
  const threshold = useSignal(80);
  const sure = evaluation.sureness;
  if (!sure) return null;
  const { images, wrong } = below(sure, threshold.value), mistakes = evaluation.count - evaluation.hits;
  const wide = Math.min(width, 560);
  return (
    <section class="part" aria-label="How sure it is">
      <h2>How sure is it, and does that help to find its mistakes?</h2>
      <p>{inWords(sure, evaluation)}</p>
      <Histogram sure={sure} width={wide} threshold={threshold.value} />
      <Slider
        name="Below"
        width={wide}
        most={100}
        value={threshold.value}
        text={`${threshold.value} %`}
        set={(next) => threshold.value = next}
      />
      <p role="status" class="caught">
        {images
          ? (
            <>
              A person who looks at the <b>{plural(images, "image")}</b>{" "}
              ({share(images / evaluation.count, 1)}) of which the net is less than {threshold.value} % sure sees{" "}
              <b>{whole(wrong)}</b> of the {plural(mistakes, "mistake")}.
            </>
          )
          : `The net is at least ${threshold.value} % sure of every image.`}
      </p>
      <Sheet
        name="Show as table"
        file="sureness.csv"
        table={() => ({
          columns: ["probability of the predicted class [%]", "correct", "misclassified"],
          rows: sure.correct.length,
          row: (i) => [`${i} to ${i + 1}`, sure.correct[i], sure.wrong[i]],
        })}
      />
    </section>
  );
}

function inWords(
  { mean_correct: correct, mean_wrong: wrong }: Sureness,
  { accuracy, calibration }: Evaluation,
): string {
  const means = [
    correct === null ? "" : `${share(correct, 1)} on average where it is right`,
    wrong === null ? "" : `${share(wrong, 1)} where it is wrong`,
  ].filter(Boolean).join(", and ");
  const gap = `${(100 * calibration).toFixed(1)} points`;
  return `It is right on ${
    share(accuracy)
  } of the images. Its probability is ${means}. What it claims and how often it is right differ by ${gap} on average (expected calibration error).`;
}

/** Bars of the counts on a square-root scale, since mistakes are few: misclassified images below the others. */
function Histogram({ sure, width, threshold }: { sure: Sureness; width: number; threshold: number }) {
  const left = 52, right = 84, top = 72, under = 40, count = 100 / EACH;
  const bins = Array.from({ length: count }, (_, i) => ({
    correct: sum(sure.correct.slice(i * EACH, (i + 1) * EACH)),
    wrong: sum(sure.wrong.slice(i * EACH, (i + 1) * EACH)),
  }));
  const most = Math.max(1, ...bins.map((bin) => bin.correct)), worst = Math.max(1, ...bins.map((bin) => bin.wrong));
  const step = (width - left - right) / count, x = left + threshold / 100 * (width - left - right);
  const high = (value: number, whole: number, room: number): number =>
    value ? Math.max(1.5, Math.sqrt(value / whole) * room) : 0;
  return (
    <svg
      class="sureness"
      width={width}
      height={top + under + 24}
      role="img"
      aria-label={`Images by the probability of the predicted class: at most ${whole(most)} correct and ${
        whole(worst)
      } misclassified ones in ${EACH} points`}
    >
      {bins.map((bin, i) => (
        <g key={i}>
          <rect
            x={left + i * step + 0.5}
            width={Math.max(1, step - 1)}
            y={top - high(bin.correct, most, top - 14)}
            height={high(bin.correct, most, top - 14)}
            class="hit"
          />
          <rect
            x={left + i * step + 0.5}
            width={Math.max(1, step - 1)}
            y={top + 1}
            height={high(bin.wrong, worst, under - 6)}
            class="missed"
          />
        </g>
      ))}
      <path class="rule" d={`M${left} ${top + 0.5}H${width - right}`} />
      <text class="s" x={width - right + 8} y={top - 6}>right ≤ {whole(most)}</text>
      <text class="b" x={width - right + 8} y={top + 16}>wrong ≤ {whole(worst)}</text>
      {[0, 50, 100].map((tick) => (
        <text key={tick} class="s mid" x={left + tick / 100 * (width - left - right)} y={top + under + 16}>
          {tick} %
        </text>
      ))}
      <path class="cut" d={`M${x} 4V${top + under}`} />
    </svg>
  );
}
