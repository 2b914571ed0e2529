// The training images that the net finds most alike.

import { useApp } from "../../app.ts";
import type { Image } from "../../document.ts";
import { Tile } from "../../parts/tile.tsx";
import { plural, shortened, whole } from "../../words.ts";
import { className } from "./cells.ts";

export function Near({ image }: { image: Image }) {
  const app = useApp();
  const { neighbours, run } = app.document;
  if (!image.near.length) {
    const wrong = image.truth !== image.predicted;
    return (
      <section>
        <h3>Nearest training images</h3>
        <p class="note">
          {wrong
            ? "They are not in this document. Ask for them: convscope look RUN --what mistakes --image IMAGE"
            : "They are searched for misclassified images only."}
        </p>
      </section>
    );
  }
  const found = image.near.map(([at, far]) => ({ one: neighbours[at], far })), { truth } = image;
  const alike = found.filter(({ one }) => one.truth === image.predicted).length;
  return (
    <section class="near">
      <h3>Nearest training images</h3>
      <p>
        {alike} of {found.length} are of the predicted class{truth !== image.predicted && `, ${
          found.filter(({ one }) => one.truth === truth).length
        } of the true one`}.
      </p>
      <ol>
        {found.map(({ one, far }) => (
          <li key={one.name}>
            <Tile
              image={one}
              size={48}
              label={`${one.name}, class ${one.truth === null ? "unknown" : className(app, one.truth)}`}
            />
            <b>
              <bdi>{one.truth === null ? "–" : shortened(className(app, one.truth), 7)}</bdi>
            </b>{" "}
            <small>{far.toFixed(2)}</small>
          </li>
        ))}
      </ol>
      <p class="lab">
        Class and distance before the last layer, among{" "}
        {searched(run?.data.counts.train)}. Labels may be wrong: look at them, too.
      </p>
    </section>
  );
}

const AMONG = 10_000;

const searched = (count: number | undefined): string =>
  count === undefined
    ? "the training images"
    : count > AMONG
    ? `${whole(AMONG)} of ${plural(count, "training image")}`
    : plural(count, "training image");
