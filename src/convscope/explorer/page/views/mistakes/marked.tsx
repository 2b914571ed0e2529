// The pixels that speak for the prediction, and whether they matter when they are deleted.

import { useSignal } from "@preact/signals";
import { useApp } from "../../app.ts";
import type { Image } from "../../document.ts";
import { Curves } from "../../parts/curves.tsx";
import { HeatMap } from "../../parts/heatmap.tsx";
import { useLater } from "../../parts/later.ts";
import { Trouble } from "../../trouble.ts";
import { count, shortened } from "../../words.ts";
import { className } from "./cells.ts";
import { type Cover, cover, type Deletion, deletion } from "./cover.ts";
import { rivals } from "./scores.tsx";
import { inputOf } from "./why.tsx";

const RUNS = 14 * 14 + 6 * 21; // about so often the net runs
const AT_ONCE = 1.5e9; // multiply-adds that are spent without being asked for

interface Found {
  heat: Cover;
  deletion: Deletion | null;
}

export function Marked({ image }: { image: Image }) {
  const app = useApp();
  const { reason } = app.trained, macs = app.given.net.totals.macs * RUNS;
  const asked = useSignal(macs <= AT_ONCE);
  const pair = rivals(image);
  const later = useLater<Found | null>(async (signal, step) => {
    if (!asked.value || !pair) return null;
    if (reason) throw new Trouble(reason);
    const question = { input: inputOf(app, image), pair };
    const heat = await cover(app, question, signal);
    step({ heat, deletion: null });
    return { heat, deletion: await deletion(app, question, heat, signal) };
  }, [image, asked.value]);
  if (!pair) return null;
  const [first, second] = pair.map((one) => shortened(className(app, one), 24));
  const found = later && "value" in later ? later.value : null;
  return (
    <section class="marked">
      <h3>
        Which pixels speak for <bdi>{first}</bdi>, and not <bdi>{second}</bdi>?
      </h3>
      {later && "sentence" in later && <p class="note">{later.sentence}</p>}
      {!asked.value && !reason && (
        <p>
          <button type="button" class="btn" onClick={() => asked.value = true}>Cover it patch by patch</button>{" "}
          <span class="lab">{count(macs)} multiply-adds</span>
        </p>
      )}
      {asked.value && !later && <p class="note">Covering it patch by patch …</p>}
      {found && (
        <>
          <HeatMap
            values={found.heat.values}
            wide={found.heat.wide}
            high={found.heat.high}
            size={168}
            label={`How much the score of ${first} minus that of ${second} falls where a pixel is covered`}
          />
          <p class="lab">
            Occlusion: how much the difference of the scores falls while a patch of {found.heat.patch.join("×")}{" "}
            is covered. Blue speaks for <bdi>{first}</bdi>, orange against it.
          </p>
          {found.deletion && <Check found={found.deletion} name={first} />}
        </>
      )}
    </section>
  );
}

/** The deletion check, with its verdict before the curve. */
function Check({ found: { curve, area, random: [mean, spread] }, name }: { found: Deletion; name: string }) {
  const better = area < mean - 2 * spread;
  const points = curve.map((value, i) => ({ epoch: 100 * i / (curve.length - 1), value }));
  return (
    <>
      <p class="checked">
        <b>{better ? "Its pixels matter." : "No better than a random order."}</b>{" "}
        With the marked pixels deleted first, the area below the probability of <bdi>{name}</bdi> is{" "}
        {area.toFixed(3)}; in random order {mean.toFixed(3)} ± {spread.toFixed(3)}.
      </p>
      <Curves
        curves={[{ name: "probability", points, marked: false }]}
        width={300}
        height={120}
        say={(value) => `${Math.round(100 * value)} %`}
        x="% deleted"
        y=""
        at={null}
        label={`Probability of ${name} while pixels are deleted, from ${(100 * curve[0]).toFixed(0)} % to ${
          (100 * curve[curve.length - 1]).toFixed(0)
        } %`}
      />
    </>
  );
}
