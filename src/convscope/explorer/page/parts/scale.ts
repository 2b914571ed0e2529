// Scales of charts. d3-scale has more of them, and brings 25 kB of formats for dates and colours.

import { ticks } from "../d3.ts";

export type Scale = (value: number) => number;

/** From a range of values to a range of positions, in a straight line. */
export function linear([low, high]: readonly [number, number], [from, to]: readonly [number, number]): Scale {
  const by = high === low ? 0 : (to - from) / (high - low);
  return (value) => from + (value - low) * by;
}

/** Square root, so that few are still seen beside many. */
export function rooted([, high]: readonly [number, number], range: readonly [number, number]): Scale {
  const line = linear([0, Math.sqrt(high)], range);
  return (value) => line(Math.sqrt(value));
}

export { ticks };
