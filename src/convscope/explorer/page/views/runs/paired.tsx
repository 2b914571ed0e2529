// Two runs on the same images: which is better, and could it be luck?

import { type App, useApp } from "../../app.ts";
import type { Against, Run } from "../../document.ts";
import { between, duration, share } from "../../parts/figures.ts";
import { Tile } from "../../parts/tile.tsx";
import { plural, shortened, whole } from "../../words.ts";
import { className } from "../mistakes/cells.ts";

const SHOWN = 24, SURE = 0.05;

/** Whether two runs differ, in words. */
export function verdict({ paired, run }: Against, name: string): string {
  const { only_first: first, only_second: second, p } = paired;
  if (!first && !second) return "Both runs are right and wrong on the same images.";
  const differ = `${plural(first + second, "image")} ${first + second === 1 ? "differs" : "differ"}: ${
    whole(first)
  } only ${name} classifies correctly, ${whole(second)} only ${run.name}`;
  const luck = `a fair coin would be as lopsided in ${chance(p)} (p = ${written(p)})`;
  const better = second > first ? run.name : name;
  return p < SURE
    ? `${differ}. That is hardly luck: ${luck}. ${better} is better.`
    : `${differ}. That may be luck: ${luck}. Not separable.`;
}

const written = (p: number): string => p < 0.001 ? p.toExponential(1).replace("-", "\u2212") : p.toFixed(3);

const chance = (p: number): string => {
  if (p >= 0.995) return "any series of throws";
  const of = p >= 0.1 ? 10 : p >= 0.01 ? 100 : p >= 0.001 ? 1000 : 0;
  return of ? `${Math.round(p * of)} of ${whole(of)} series of throws` : "less than 1 of 1,000 series of throws";
};

export function Pair({ run, against }: { run: Run; against: Against }) {
  const app = useApp();
  const { paired } = against;
  const points = (value: number): string => `${value < 0 ? "\u2212" : "+"}${Math.abs(100 * value).toFixed(2)}`;
  return (
    <section class="part" aria-label="Two runs">
      <h2>
        Is <bdi>{against.run.name}</bdi> better than <bdi>{run.name}</bdi>?
      </h2>
      <p class="verdict">{verdict(against, run.name)}</p>
      <table class="plain">
        <thead>
          <tr>
            <th />
            <th scope="col">
              <bdi>{shortened(run.name, 28)}</bdi>
            </th>
            <th scope="col">
              <bdi>{shortened(against.run.name, 28)}</bdi>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows(app, run, against).map(([name, ...cells]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {cells.map((cell, i) => <td key={i}>{cell}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="lab">
        Both correct {whole(paired.both)}, neither {whole(paired.neither)}. Difference {points(paired.difference)}{" "}
        points, 95 % interval {points(paired.interval[0])} to{" "}
        {points(paired.interval[1])}. McNemar's exact test, two-sided.
      </p>
      <Differing against={against} name={run.name} />
    </section>
  );
}

function rows(app: App, run: Run, { run: other, notation }: Against): string[][] {
  const result = (one: Run): string => one.evaluation ? share(one.evaluation.accuracy) : "unknown";
  const interval = (one: Run): string => one.evaluation ? between(one.evaluation.interval) : "unknown";
  const same = app.document.notation === notation;
  return [
    ["Accuracy", result(run), result(other)],
    ["95 % interval", interval(run), interval(other)],
    ["Loss", run.evaluation?.loss.toFixed(4) ?? "unknown", other.evaluation?.loss.toFixed(4) ?? "unknown"],
    ["Recipe, seed", `${run.recipe}, ${run.seed}`, `${other.recipe}, ${other.seed}`],
    ["Training", duration(run.seconds), duration(other.seconds)],
    ["Net", "", same ? "the same" : shortened(notation, 120)],
  ];
}

/** Images that only one of the runs classifies correctly. */
function Differing({ against, name }: { against: Against; name: string }) {
  const app = useApp();
  const { images } = against.paired;
  const index = new Map(app.document.images.map((image, at) => [image.split ? image.number : null, at]));
  const held = images.filter(([number]) => index.has(number)).slice(0, SHOWN);
  if (!held.length) return null;
  return (
    <ol class="differing" aria-label="Images that only one of the runs classifies correctly">
      {held.map(([number, truth, first, second]) => {
        const at = index.get(number) as number, image = app.document.images[at];
        const words = `${image.name}: true ${className(app, truth)}, ${name} predicts ${
          className(app, first)
        }, ${against.run.name} ${className(app, second)}`;
        return (
          <li key={number}>
            <button
              type="button"
              title={words}
              aria-label={words}
              onClick={() => app.store.set({ view: "mistakes", image: at, cell: [truth, first] })}
            >
              <Tile image={image} size={48} />
              <small>
                <bdi>{shortened(className(app, first), 6)}</bdi> | <bdi>{shortened(className(app, second), 6)}</bdi>
              </small>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
