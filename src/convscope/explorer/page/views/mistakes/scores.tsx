// What the net gives for an image: a score for each class, and the probability that softmax makes of it.

import { useApp } from "../../app.ts";
import type { Image } from "../../document.ts";
import { type Bar, Bars } from "../../parts/bars.tsx";
import { plus, share, softmax } from "../../parts/figures.ts";
import { shortened } from "../../words.ts";
import { className } from "./cells.ts";

const MOST = 12; // classes that are all shown; of more, the likeliest

export function Scores({ image }: { image: Image }) {
  const { scores } = image;
  if (!scores) {
    return (
      <section>
        <h3>Scores</h3>
        <p class="note">This document has no scores: it has too many classes, or the net was not run on this image.</p>
      </section>
    );
  }
  return (
    <section>
      <h3>Scores, and what softmax makes of them</h3>
      <Given scores={scores} image={image} />
    </section>
  );
}

interface Net {
  scores: ArrayLike<number>;
  image: Pick<Image, "truth" | "predicted">;
  label?: string;
}

/** Scores as bars, with probabilities. */
export function Given({ scores, image, label = "Scores and probabilities" }: Net) {
  const app = useApp();
  const values = Array.from(scores), chances = softmax(values), order = values.map((_, i) => i);
  if (values.length > MOST) order.sort((a, b) => values[b] - values[a]);
  const shown = order.slice(0, MOST);
  if (image.truth !== null && !shown.includes(image.truth)) shown[shown.length - 1] = image.truth;
  const bars = shown.map((i): Bar => ({
    key: String(i),
    name: (
      <span title={className(app, i)}>
        <bdi>{shortened(className(app, i), 14)}</bdi> <small>{mark(image, i)}</small>
      </span>
    ),
    value: values[i],
    text: plus(values[i], 2),
    beside: share(chances[i], 1),
    strong: i === image.truth || i === image.predicted,
  }));
  return (
    <>
      <Bars bars={bars} label={label} columns={["Class", "Score", "Probability"]} />
      {shown.length < values.length && <p class="lab">The likeliest {shown.length} of {values.length} classes.</p>}
    </>
  );
}

const mark = (image: Pick<Image, "truth" | "predicted">, i: number): string =>
  [i === image.truth ? "true" : "", i === image.predicted ? "predicted" : ""].filter(Boolean).join(", ");

/** The two classes that are compared: the predicted one, and the true one or the runner-up. */
export function rivals(image: Image): readonly [number, number] | null {
  const { scores, predicted, truth } = image;
  if (predicted === null) return null;
  if (truth !== null && truth !== predicted) return [predicted, truth];
  if (!scores || scores.length < 2) return null;
  let second = -1;
  scores.forEach((score, i) => {
    if (i !== predicted && (second < 0 || score > scores[second])) second = i;
  });
  return [predicted, second];
}
