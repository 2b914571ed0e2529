// Curves over an x axis, with a reading at one position.

import { extent, nice, ticks } from "../d3.ts";
import type { Curve } from "../views/runs/log.ts";

export interface Drawing {
  curves: readonly Curve[];
  width: number;
  height: number;
  /** How values are written at the axis. */
  say: (value: number) => string;
  /** What the axes are. */
  x: string;
  y: string;
  /** The selected position, or none. */
  at: number | null;
  /** Called with a position under the pointer. */
  pick?: (x: number) => void;
  label: string;
}

const LEFT = 52, RIGHT = 84, TOP = 10, BOTTOM = 36;

export function Curves({ curves, width, height, say, x, y, at, pick, label }: Drawing) {
  const points = curves.flatMap((curve) => curve.points);
  const [low = 0, high = 1] = extent(points, (point) => point.value) as [number?, number?];
  const [first = 0, last = 1] = extent(points, (point) => point.epoch) as [number?, number?];
  const [bottom, top] = nice(low, high === low ? low + 1 : high, 5), right = last || 1, left = Math.min(0, first);
  const across = (value: number): number => LEFT + (value - left) / (right - left) * (width - RIGHT - LEFT);
  const up = (value: number): number => height - BOTTOM - (value - bottom) / (top - bottom) * (height - BOTTOM - TOP);
  const path = (curve: Curve): string =>
    curve.points.map((point, i) => `${i ? "L" : "M"}${across(point.epoch).toFixed(1)} ${up(point.value).toFixed(1)}`)
      .join("");
  const moved = (event: MouseEvent & { currentTarget: SVGSVGElement }): void => {
    if (event.type === "pointermove" && event.buttons !== 1) return;
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left;
    pick?.(left + (x - LEFT) / (width - RIGHT - LEFT) * (right - left));
  };
  return (
    <svg
      class="curves"
      width={width}
      height={height}
      role="img"
      aria-label={label}
      onPointerDown={moved}
      onPointerMove={moved}
    >
      {ticks(bottom, top, 5).map((tick) => (
        <g key={tick}>
          <path d={`M${LEFT} ${up(tick)}H${width - RIGHT}`} stroke="var(--rule)" />
          <text class="s end" x={LEFT - 8} y={up(tick) + 4}>{say(tick)}</text>
        </g>
      ))}
      {ticks(left, right, Math.max(2, Math.floor(width / 120))).map((tick) => (
        <text key={tick} class="s mid" x={across(tick)} y={height - BOTTOM + 16}>{String(tick)}</text>
      ))}
      <path d={`M${LEFT} ${height - BOTTOM}H${width - RIGHT}`} class="rule" />
      <text class="s end" x={width - RIGHT} y={height - 4}>{x}</text>
      <text class="s" x={0} y={height - 4}>{y}</text>
      {curves.map((curve, i) => (
        <g key={curve.name} class={`trace${curve.marked ? " marked" : ""}${curve.faint ? " faint" : ""}`}>
          <path
            d={path(curve)}
            stroke-dasharray={curve.marked ? "5 3" : undefined}
          />
          {curve.marked &&
            curve.points.map((point) => (
              <circle
                key={point.epoch}
                cx={across(point.epoch)}
                cy={up(point.value)}
                r="3"
              />
            ))}
          <text class="b" x={width - RIGHT + 8} y={named(curves, i, up)}>{curve.name}</text>
        </g>
      ))}
      {at !== null && (
        <g class="reading">
          <path d={`M${across(at)} ${TOP}V${height - BOTTOM}`} />
          {curves.map((curve) => {
            const point = nearest(curve, at);
            return point && <circle key={curve.name} cx={across(point.epoch)} cy={up(point.value)} r="4" />;
          })}
        </g>
      )}
    </svg>
  );
}

/** Where the name of a curve stands: at its end, and below the names before it that are too close. */
function named(curves: readonly Curve[], i: number, up: (value: number) => number): number {
  const placed: number[] = [];
  const ends = curves.map((curve, at) => ({ at, y: up(curve.points.at(-1)?.value ?? 0) + 4 })).sort((a, b) =>
    a.y - b.y
  );
  let last = -Infinity;
  for (const { at, y } of ends) placed[at] = last = Math.max(y, last + 14);
  return placed[i];
}

/** The last point up to a position. */
const nearest = (curve: Curve, at: number) => curve.points.findLast((point) => point.epoch <= at + 1e-9);
