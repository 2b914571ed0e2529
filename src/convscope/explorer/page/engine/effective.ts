/**
 * The effective receptive field from the graph alone: the weight of each pixel if all weights are equal.
 *
 * A unit distributes its weight equally over the positions that it reads, and a merge equally over its paths; weight on
 * padding is lost (Luo, Li, Urtasun and Zemel, arXiv 1701.04128). Paths that do not depend on the image get no share,
 * nor do paths that all units share, such as gates.
 */

import type { AxisRead } from "./axis.ts";
import type { Derived } from "./derive.ts";
import { placedInputs } from "./field/field.ts";
import type { Traced } from "./field/trace.ts";
import { reach } from "./reach.ts";
import type { Spread } from "./spread.ts";
import { added, even, pulledBack, shared, TooManyError, total } from "./spread.ts";
import type { Shape } from "./types.ts";

export interface Effective {
  /** First pixel of the window along each axis, and its sizes. */
  readonly start: readonly number[];
  readonly sizes: readonly number[];
  /** The weight of each pixel of the window; they sum to 1. */
  readonly weight: Float64Array;
  /** Standard deviation along each axis [input pixel]. */
  readonly std: readonly number[];
  /** The share of the weight that does not fall on padding. */
  readonly onImage: number;
  /** False if axes of a layer on the way depend on each other. */
  readonly exact: boolean;
}

/** The weight of the pixels of the image for a position of a layer, all channels; null if it has none, or is unknown. */
export function effective(derived: Derived, layer: string, unit: readonly number[]): Effective | null {
  const traced = derived.traced.get(layer), { image } = derived;
  if (!traced || image.shape.length < 2) return null;
  const local = reach(derived, layer, unit, { gates: false }).has(image.name);
  const ends = unit.map((at): [number, number] => [at, at]);
  const way = new Way(derived, !local, layer, even([[0, traced.out[0] - 1], ...ends]));
  try {
    const found = way.run();
    return found && summary(found, image.shape, way.exact);
  } catch (error) {
    if (error instanceof TooManyError) return null;
    throw error;
  }
}

/** The weights on the way from a layer back to the image. */
class Way {
  exact = true;
  private readonly known = new Map<string, Spread>();
  private readonly loose = new Set<string>();
  private readonly seeing: ReadonlySet<string>;
  private readonly placed: ReadonlyMap<string, readonly number[]>;

  constructor(private readonly derived: Derived, private readonly gates: boolean, layer: string, spread: Spread) {
    this.known.set(layer, spread);
    this.seeing = seeingOf(derived);
    this.placed = placedInputs(derived);
  }

  run(): Spread | null {
    for (const { name } of [...this.derived.layers].reverse()) {
      const spread = this.known.get(name), traced = this.derived.traced.get(name);
      this.known.delete(name);
      if (spread && traced && this.seeing.has(name)) this.follow(name, traced, spread);
    }
    return this.known.get(this.derived.image.name) ?? null;
  }

  /** Distributes the weights of a layer to what it reads. */
  private follow(name: string, layer: Traced, spread: Spread): void {
    const every = spread.axes[0].count === 1 && spread.axes[0].size === layer.out[0];
    this.exact &&= !layer.hull || (layer.hull === "channels" && every);
    const kept = this.kept(name, layer), loose = this.loose.has(name);
    const parts = isParted(layer) ? shared(spread, kept.map((at) => layer.reads[at])) : [spread];
    kept.forEach((at, number) => {
      const reads = layer.reads[at].slice(0, layer.shapes[at].length);
      this.exact &&= !(loose && partsChannels(layer, reads));
      const back = layer.pointwise ? parts[number] : pulledBack(parts[number], reads);
      if (back) this.arrive(layer.inputs[at], back, layer.hull !== "" || (loose && reads[0].relation.kind !== "all"));
    });
  }

  private arrive(name: string, spread: Spread, loose: boolean): void {
    const before = this.known.get(name);
    this.known.set(name, before ? added(before, spread) : spread);
    if (loose) this.loose.add(name);
  }

  /** The inputs that are followed: of those that see the image, the ones that keep their position. */
  private kept(name: string, layer: Traced): number[] {
    const seeing = layer.inputs.flatMap((input, at) => (this.seeing.has(input) ? [at] : []));
    const placed = this.placed.get(name);
    if (seeing.length === 1 || this.gates || !placed) return seeing;
    const both = placed.filter((at) => seeing.includes(at));
    return both.length ? both : seeing;
  }
}

/** The image, and the layers that depend on it. */
function seeingOf({ layers, image, traced }: Derived): Set<string> {
  const found = new Set([image.name]);
  for (const { name, inputs } of layers) {
    if (!traced.get(name)?.source && inputs.some((input) => found.has(input))) found.add(name);
  }
  return found;
}

/** Whether some units may read no followed path, as after a concatenation or with added positions. */
function isParted({ reads }: Traced): boolean {
  return reads.length > 1 || reads[0].some(({ relation }) => relation.kind === "window" && relation.edge === "apart");
}

/** Whether channels see different pixels: they are positions of the input, or come from different inputs. */
function partsChannels(layer: Traced, reads: readonly AxisRead[]): boolean {
  const joins = layer.merges && reads[0].relation.kind === "table";
  return joins || layer.hull !== "" ||
    reads.slice(1).some((read) => read.follows === 0 && read.relation.kind !== "all");
}

function summary(spread: Spread, image: Shape, exact: boolean): Effective | null {
  const onImage = total(spread);
  if (!onImage) return null;
  const [channels, ...axes] = spread.axes,
    start = axes.map((kinds) => kinds.start),
    sizes = axes.map((kinds) => kinds.size);
  const weight = new Float64Array(sizes.reduce((a, b) => a * b, 1)), many = new Float64Array(channels.count);
  for (let at = 0; at < channels.size; at++) many[channels.of ? channels.of[at] : 0]++;
  const inner = axes.reduce((all, kinds) => all * kinds.count, 1);
  const profiles = image.slice(1).map((size) => new Float64Array(size));
  for (let at = 0; at < weight.length; at++) {
    let rest = at, place = 0, step = 1;
    const position: number[] = [];
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const index = rest % sizes[axis], { of, count } = axes[axis];
      position[axis] = start[axis] + index;
      place += (of ? of[index] : 0) * step;
      step *= count;
      rest = Math.floor(rest / sizes[axis]);
    }
    for (let kind = 0; kind < channels.count; kind++) weight[at] += many[kind] * spread.weight[kind * inner + place];
    weight[at] /= onImage;
    position.forEach((one, axis) => profiles[axis][one] += weight[at]);
  }
  return { start, sizes, weight, std: profiles.map(deviation), onImage, exact };
}

function deviation(profile: Float64Array): number {
  const mean = profile.reduce((sum, weight, at) => sum + weight * at, 0);
  return Math.sqrt(profile.reduce((sum, weight, at) => sum + weight * (at - mean) ** 2, 0));
}
