// Numbers of results, spelled as the command line spells them.

import { whole } from "../words.ts";

/** A share in percent with two decimals, as results are stated: 99.02 %. */
export const share = (value: number, digits = 2): string => `${(100 * value).toFixed(digits)} %`;

/** An interval of shares: 98.81 to 99.20 %. */
export const between = (ends: readonly [number, number]): string =>
  `${(100 * ends[0]).toFixed(2)} to ${(100 * ends[1]).toFixed(2)} %`;

/** With a sign, always: +1.843, −0.264. */
export const plus = (value: number, digits = 3): string => {
  const text = value.toFixed(digits);
  if (Number(text) === 0) return (0).toFixed(digits);
  return value > 0 ? `+${text}` : minus(text);
};

const minus = (text: string): string => text.replace("-", "\u2212");

/** A number with a true minus and few digits. */
export const short = (value: number, digits = 3): string => minus(value.toFixed(digits));

/** A duration: 2.9 s, 4 min 10 s, 2 h 5 min. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const all = Math.round(seconds);
  if (all < 3600) return `${Math.floor(all / 60)} min ${all % 60} s`;
  return `${whole(Math.floor(all / 3600))} h ${Math.floor((all % 3600) / 60)} min`;
}

/** Softmax of scores. */
export function softmax(scores: readonly number[] | Float32Array): number[] {
  const largest = Math.max(...scores);
  const raised = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = raised.reduce((total, one) => total + one, 0);
  return raised.map((one) => one / sum);
}
