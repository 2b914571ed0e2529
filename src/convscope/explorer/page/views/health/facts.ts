// How much of each layer works, from the values of its channels.

import type { Activity } from "../../document.ts";
import type { Model } from "../../model.ts";
import { share } from "../../parts/figures.ts";
import { listed, plural } from "../../words.ts";

export interface Layer {
  activity: Activity;
  name: string;
  channels: number;
  dead: number;
  /** Channels that another one already has. */
  twins: number;
  /** Share of the values that are not positive. */
  zero: number;
  rank: number;
  /** The layer with weights that makes the channels. */
  maker: string;
}

/** Channels that could go because of a twin: all but one of each group. */
function spare(pairs: readonly (readonly [number, number])[]): number {
  const root = new Map<number, number>();
  const find = (one: number): number => {
    const up = root.get(one);
    return up === undefined || up === one ? one : find(up);
  };
  let joined = 0;
  for (const [a, b] of pairs) {
    const [first, second] = [find(a), find(b)];
    if (first === second) continue;
    root.set(second, first);
    joined += 1;
  }
  return joined;
}

/** The layer that makes the channels of another: behind norms, activations and pools. */
export function makerOf(model: Model, name: string): string {
  let layer = model.get(name);
  while (layer && layer.op !== "conv" && layer.op !== "linear" && layer.op !== "convt" && layer.inputs.length === 1) {
    const before = model.get(layer.inputs[0]);
    if (!before || before.out[0] !== layer.out[0]) break;
    layer = before;
  }
  return layer?.name ?? name;
}

export function layersOf(model: Model, activity: readonly Activity[]): Layer[] {
  return activity.map((one) => ({
    activity: one,
    name: one.layer,
    channels: one.mean.length,
    dead: one.dead.length,
    twins: spare(one.twins),
    zero: 1 - one.positive.reduce((sum, value) => sum + value, 0) / Math.max(1, one.positive.length),
    rank: one.rank,
    maker: makerOf(model, one.layer),
  }));
}

/** The layer with the most channels that do nothing, in shares; undefined if all work. */
export const worst = (layers: readonly Layer[]): Layer | undefined =>
  layers.filter((one) => one.dead + one.twins > 0)
    .sort((a, b) => (b.dead + b.twins) / b.channels - (a.dead + a.twins) / a.channels)[0];

/** The layer that uses the smallest part of its channels. */
export const thinnest = (layers: readonly Layer[]): Layer | undefined =>
  layers.filter((one) => one.channels > 1).sort((a, b) => a.rank / a.channels - b.rank / b.channels)[0];

const sum = (layers: readonly Layer[], key: "channels" | "dead" | "twins"): number =>
  layers.reduce((total, one) => total + one[key], 0);

export function verdict(layers: readonly Layer[]): string {
  const of = `the ${plural(sum(layers, "channels"), "channel")} of ${plural(layers.length, "activation")}`;
  const dead = sum(layers, "dead"), twins = sum(layers, "twins"), bad = worst(layers), thin = thinnest(layers);
  const what = [
    dead ? `${dead} ${dead === 1 ? "is" : "are"} dead` : "",
    twins ? `${twins} ${twins === 1 ? "repeats" : "repeat"} another` : "",
  ].filter(Boolean);
  const waste = bad
    ? `Of ${of}, ${listed(what)}; in ${bad.name}, ${bad.dead + bad.twins} of ${bad.channels}.`
    : `None of ${of} is dead, and no two are twins.`;
  const least = layers.reduce((a, b) => b.zero < a.zero ? b : a),
    most = layers.reduce((a, b) => b.zero > a.zero ? b : a);
  const range = least === most ? "" : ` and ${share(most.zero, 0)} in ${most.name}`;
  const zeros = `${share(least.zero, 0)} of the values are not positive in ${least.name}${range}.`;
  const rank = thin
    ? `${thin.name} uses about ${thin.rank.toFixed(thin.rank < 10 ? 1 : 0)} of its ${thin.channels} dimensions.`
    : "";
  return [waste, zeros, rank].filter(Boolean).join(" ");
}
