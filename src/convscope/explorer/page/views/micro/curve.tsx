// The activation as a curve over the histogram of what it is given here.

import { useMemo } from "preact/hooks";
import { bin, max } from "../../d3.ts";
import { linear, rooted } from "../../parts/scale.ts";
import { Sheet } from "../../parts/sheet.tsx";
import { percent } from "../../words.ts";
import { digits } from "./cells.tsx";

interface Given {
  name: string;
  /** What the activation is given, at all positions of this channel on this image. */
  given: Float32Array;
  /** The activation. */
  of: (values: Float32Array) => Float32Array;
  /** What it is given at the unit. */
  now: number;
  width: number;
}

const HIGH = 132, POINTS = 161;

export function Curve({ name, given, of, now, width }: Given) {
  const drawn = useMemo(() => {
    const most = Math.max(1e-6, max(given, (value) => Math.abs(value)) ?? 1);
    const xs = Float32Array.from({ length: POINTS }, (_, i) => (i / (POINTS - 1) * 2 - 1) * most);
    const ys = of(xs), step = xs[1] - xs[0];
    const slopes = Array.from(ys, (y, i) => i ? (y - ys[i - 1]) / step : (ys[1] - y) / step);
    const flat = Array.from(given).filter((value) => {
      const at = Math.max(0, Math.min(POINTS - 1, Math.round((value / most + 1) / 2 * (POINTS - 1))));
      return Math.abs(slopes[at]) < 0.01;
    }).length;
    const bins = bin().domain([-most, most]).thresholds(40)(Array.from(given));
    return { most, xs, ys, slopes, flat, bins };
  }, [given, of]);
  const { most, xs, ys, slopes, flat, bins } = drawn;
  const x = linear([-most, most], [0, width]);
  const low = Math.min(...ys, 0), top = Math.max(...ys, 1e-6);
  const y = linear([low, top], [HIGH - 4, 8]);
  const high = rooted([0, max(bins, (one) => one.length) ?? 1], [0, HIGH - 12]);
  const line = (values: ArrayLike<number>, scale: (value: number) => number): string =>
    Array.from(values, (value, i) => `${i ? "L" : "M"}${x(xs[i]).toFixed(1)} ${scale(value).toFixed(1)}`).join("");
  const steep = linear([Math.min(0, ...slopes), Math.max(1, ...slopes)], [HIGH - 4, 8]);
  return (
    <figure class="curve">
      <figcaption>
        <b>What {name} is given on this image</b>
        <span class="dim">{percent(flat / given.length)} where it is flat</span>
      </figcaption>
      <svg
        width={width}
        height={HIGH + 18}
        role="img"
        aria-label={`Histogram of ${given.length} values, and ${name} over them`}
      >
        {bins.map((one, i) => (
          <rect
            key={i}
            x={x(one.x0 ?? 0) + 0.5}
            width={Math.max(1, x(one.x1 ?? 0) - x(one.x0 ?? 0) - 1)}
            y={HIGH - high(one.length)}
            height={high(one.length)}
            fill="var(--slab2)"
          />
        ))}
        <line x1={0} x2={width} y1={HIGH} y2={HIGH} stroke="var(--rule2)" />
        <path d={line(slopes, steep)} fill="none" stroke="var(--ink3)" stroke-dasharray="3 3" />
        <path d={line(ys, y)} fill="none" stroke="var(--ink)" stroke-width="1.5" />
        <line x1={x(now)} x2={x(now)} y1={0} y2={HIGH} stroke="var(--accent)" stroke-width="2" />
        <g font-size="11" fill="var(--ink3)">
          <text x={0} y={HIGH + 14}>{digits(-most)}</text>
          <text x={width / 2} y={HIGH + 14} text-anchor="middle">0</text>
          <text x={width} y={HIGH + 14} text-anchor="end">{digits(most)}</text>
        </g>
      </svg>
      <p class="lab">
        Bars: {given.length} units, square-root scale. Line: {name}. Dashed: its derivative. Green: the unit.
      </p>
      <Sheet
        name="Show as table"
        file="histogram.csv"
        table={() => ({
          columns: ["from", "to", "units"],
          rows: bins.length,
          row: (i) => [digits(bins[i].x0 ?? 0), digits(bins[i].x1 ?? 0), bins[i].length],
        })}
      />
    </figure>
  );
}
