// Signed values as bars beside their numbers, on both sides of zero: orange is negative, blue positive.

import type { ComponentChildren } from "preact";
import { plus } from "./figures.ts";

export interface Bar {
  key: string;
  name: ComponentChildren;
  value: number;
  /** How the value is written; by default with its sign. */
  text?: string;
  /** A further column. */
  beside?: ComponentChildren;
  /** Whether it stands out from the others. */
  strong?: boolean;
}

interface Given {
  bars: readonly Bar[];
  label: string;
  /** Names of the columns: of the bars, the values, and what is beside them. */
  columns: readonly string[];
}

/** Where zero is, and what a unit takes, in percent of the width. */
function measured(bars: readonly Bar[]): { zero: number; unit: number } {
  const low = Math.min(0, ...bars.map((bar) => bar.value)), high = Math.max(0, ...bars.map((bar) => bar.value));
  const unit = high > low ? 100 / (high - low) : 0;
  return { zero: -low * unit, unit };
}

export function Bars({ bars, label, columns }: Given) {
  const { zero, unit } = measured(bars);
  return (
    <table class="bars" aria-label={label}>
      <thead>
        <tr>
          <th scope="col">{columns[0]}</th>
          <th />
          {columns.slice(1).map((column) => <th key={column} scope="col" class="num">{column}</th>)}
        </tr>
      </thead>
      <tbody>
        {bars.map((bar) => (
          <tr key={bar.key} class={bar.strong ? "strong" : ""}>
            <th scope="row">{bar.name}</th>
            <td class="lane" aria-hidden="true" style={{ "--zero": `${zero}%` }}>
              <i
                class={bar.value < 0 ? "negative" : "positive"}
                style={{
                  left: `${zero + Math.min(0, bar.value) * unit}%`,
                  width: `${Math.abs(bar.value) * unit}%`,
                }}
              />
            </td>
            <td class="num">{bar.text ?? plus(bar.value)}</td>
            {bar.beside !== undefined && <td class="num dim">{bar.beside}</td>}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
