// One image: what it is, what was predicted, and the ways on.

import { useApp } from "../../app.ts";
import { Tile } from "../../parts/tile.tsx";
import { type Seen, show } from "./cells.ts";
import { inWords } from "./gallery.tsx";
import { Marked } from "./marked.tsx";
import { Near } from "./near.tsx";
import { Pencil } from "./pencil.tsx";
import { Scores } from "./scores.tsx";
import { Why } from "./why.tsx";

export function One({ seen, shown }: { seen: Seen; shown: readonly Seen[] }) {
  const app = useApp();
  const { image } = seen;
  const at = shown.findIndex((one) => one.at === seen.at);
  const step = (by: number) => () => show(app, shown[(at + by + shown.length) % shown.length]);
  return (
    <section class="one" aria-label="The selected image">
      <div>
        <h2>
          <bdi>{image.name}</bdi>
        </h2>
        <Tile image={image} size={168} label={`${image.name}: ${inWords(app, seen)}`} />
        <p class="steps">
          <button type="button" class="btn" disabled={shown.length < 2} onClick={step(-1)}>
            Previous <kbd>[</kbd>
          </button>
          <button type="button" class="btn" disabled={shown.length < 2} onClick={step(1)}>
            Next <kbd>]</kbd>
          </button>
        </p>
      </div>
      <div class="reasons">
        <Scores image={image} />
        <Why image={image} />
        <Marked image={image} />
        <Near image={image} />
        {!app.trained.reason && <Pencil image={image} />}
      </div>
    </section>
  );
}
