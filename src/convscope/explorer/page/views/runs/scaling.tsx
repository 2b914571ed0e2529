// All scores multiplied by a number: the accuracy stays, the loss does not.

import { useSignal } from "@preact/signals";
import { useApp } from "../../app.ts";
import type { Evaluation } from "../../document.ts";
import { share, short } from "../../parts/figures.ts";
import { linear, rooted } from "../../parts/scale.ts";
import { Sheet } from "../../parts/sheet.tsx";
import { Slider } from "../../parts/slider.tsx";
import { whole } from "../../words.ts";

const LEFT = 52, RIGHT = 84, HIGH = 96;

export function Scaling({ evaluation }: { evaluation: Evaluation }) {
  const { width } = useApp().layout.value;
  const tenths = useSignal(10);
  const losses = evaluation.sureness?.scaled ?? [], images = evaluation.sureness?.scaled_images ?? 0;
  if (!losses.length) return null;
  const wide = Math.min(width, 560), least = losses.indexOf(Math.min(...losses)) + 1;
  const across = linear([1, losses.length], [LEFT, wide - RIGHT]), up = rooted([0, Math.max(...losses)], [HIGH, 6]);
  const factor = tenths.value / 10, loss = losses[tenths.value - 1];
  return (
    <section class="part" aria-label="Loss and accuracy">
      <h2>Does a lower loss mean fewer mistakes?</h2>
      <p class="lab">
        Multiply all scores by a number: the largest stays the largest, so no prediction changes. The loss also counts
        how sure the net is{images < evaluation.count ? `; it is computed for ${whole(images)} images here` : ""}.
      </p>
      <svg
        class="curves"
        width={wide}
        height={HIGH + 4}
        role="img"
        aria-label={`The loss is least, ${short(losses[least - 1], 4)}, at ${least / 10}`}
      >
        <path class="rule" d={`M${LEFT} ${HIGH}H${wide - RIGHT}`} />
        <g class="trace">
          <path
            d={losses.map((one, i) => `${i ? "L" : "M"}${across(i + 1).toFixed(1)} ${up(one).toFixed(1)}`).join("")}
          />
        </g>
        <text class="s end" x={LEFT - 8} y={12}>{short(Math.max(...losses), 2)}</text>
        <text class="s end" x={LEFT - 8} y={HIGH}>0</text>
        <text class="b" x={wide - RIGHT + 8} y={up(losses[losses.length - 1]) + 4}>loss</text>
        <g class="reading">
          <path d={`M${across(tenths.value)} 4V${HIGH}`} />
          <circle cx={across(tenths.value)} cy={up(loss)} r="4" />
        </g>
      </svg>
      <Slider
        name="Times"
        width={wide}
        least={1}
        most={losses.length}
        value={tenths.value}
        text={factor.toFixed(1)}
        set={(next) => tenths.value = next}
      />
      <p role="status" class="scaled">
        All scores × {factor.toFixed(1)}: accuracy <b>{share(evaluation.accuracy)}</b>, loss <b>{short(loss, 4)}</b>.
        {" "}
        {factor === 1 && `It would be least, ${short(losses[least - 1], 4)}, at × ${(least / 10).toFixed(1)}.`}
      </p>
      <Sheet
        name="Show as table"
        file="scaled.csv"
        table={() => ({
          columns: ["scores times", "loss [nats]"],
          rows: losses.length,
          row: (i) => [((i + 1) / 10).toFixed(1), losses[i].toFixed(6)],
        })}
      />
    </section>
  );
}
