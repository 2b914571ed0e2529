// The image that is explained, in numbers.

import { useApp } from "../../app.ts";
import { plus, share, short } from "../../parts/figures.ts";
import { Fact } from "../../shell/inspector.tsx";
import { cellOf, className, imageOf, imagesOf, listOf, matrixOf } from "./cells.ts";
import { rivals } from "./scores.tsx";

export function OfMistake() {
  const app = useApp();
  const evaluation = app.document.run?.evaluation;
  if (!evaluation) return null;
  const cell = cellOf(app, matrixOf(app, evaluation));
  const image = imageOf(app, imagesOf(app, cell, listOf(app).value))?.image;
  if (!image) return <p class="lab">No image is selected.</p>;
  const { scores, truth, predicted } = image, pair = rivals(image);
  const place = scores && truth !== null ? scores.filter((score) => score > scores[truth]).length + 1 : null;
  return (
    <>
      <p class="lab">{image.split ? `Image of the ${image.split} split` : "Image"}</p>
      <h2>
        <bdi>{image.name}</bdi>
      </h2>
      <dl>
        <Fact name="True class" value={truth === null ? "unknown" : className(app, truth)} />
        <Fact
          name="Predicted"
          value={predicted === null ? "unknown" : className(app, predicted)}
          how={image.probability === null ? undefined : `p = ${share(image.probability, 1)}`}
        />
        {place !== null && <Fact name="True class is choice" value={`${place} of ${scores?.length}`} />}
        {scores && pair && <Fact name="Score difference" value={plus(scores[pair[0]] - scores[pair[1]])} />}
        <Fact name="Loss" value={image.loss === null ? "unknown" : short(image.loss)} how="nats" />
        <Fact name="Size" value={image.shape.join("×")} />
      </dl>
    </>
  );
}
