/** Channels told apart by which sources they read. */

import type { Indices } from "../indices.ts";
import { each, run } from "../indices.ts";

/** Channels that read the same sources. */
export interface Kind {
  /** For each source, whether they read it. */
  readonly rows: readonly boolean[];
  readonly channels: Indices;
}

/** The kinds of `size` channels, from the channels that read each source; in the order of the rows, false first. */
export function toldApart(rows: readonly (Indices | null)[], size: number): Kind[] {
  const marks = rows.map((row) => {
    const on = new Uint8Array(size);
    if (row) each(row, (channel) => on[channel] = 1);
    return on;
  });
  const found = new Map<string, number[]>();
  for (let channel = 0; channel < size; channel++) {
    const key = marks.map((on) => on[channel]).join("");
    const mine = found.get(key);
    if (mine) mine.push(channel);
    else found.set(key, [channel]);
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, channels]) => {
    return { rows: [...key].map((mark) => mark === "1"), channels: setOf(channels) };
  });
}

function setOf(sorted: readonly number[]): Indices {
  const first = sorted[0], last = sorted[sorted.length - 1];
  return sorted.length === last - first + 1 ? run(first, last) : { first, last, list: sorted };
}
