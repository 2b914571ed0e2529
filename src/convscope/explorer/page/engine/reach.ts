/**
 * What a unit reads in every layer behind it, and what reads it in every layer ahead, from the reads alone.
 *
 * A region is a product of index sets, one for each axis, channels included. Reads map regions to regions; at a branching
 * they accumulate, contained ones are dropped. So this works for any document, whatever its ops.
 */

import type { AxisRead } from "./axis.ts";
import type { Derived } from "./derive.ts";
import { UnknownNameError } from "./errors.ts";
import { placedInputs } from "./field/field.ts";
import type { Traced } from "./field/trace.ts";
import type { Indices } from "./indices.ts";
import { contains, equalSets, intersection, pull, push, run, union } from "./indices.ts";
import type { Shape } from "./types.ts";

/** First and last index along each axis of a layer, `c h w`. */
export type Box = readonly (readonly [number, number])[];

/** A product of index sets, one for each axis. */
export type Region = readonly Indices[];

/** The most regions of one layer; more are joined, which is an upper bound. */
const MOST = 8;

export interface ReachOptions {
  /** Whether to follow paths that every unit shares: squeeze-excite, statistics of norms. */
  readonly gates?: boolean;
}

/** The regions of each layer and input that is reached, the unit's own layer included. */
export type Regions = ReadonlyMap<string, readonly Region[]>;

/** The box of what a unit reads in every layer behind it and in the inputs. A unit without its channel is all channels. */
export function reach(
  derived: Derived,
  layer: string,
  unit: readonly number[],
  options: ReachOptions = {},
): Map<string, Box> {
  return boxesOf(regionsBehind(derived, layer, unit, options));
}

/** The box of the units ahead that read a unit of a layer or an input. */
export function readers(
  derived: Derived,
  layer: string,
  unit: readonly number[],
  options: ReachOptions = {},
): Map<string, Box> {
  return boxesOf(regionsAhead(derived, layer, unit, options));
}

/** The region of a unit, or of all channels at a position. */
function regionOf(derived: Derived, layer: string, unit: readonly number[]): Region {
  const shape = shapeOf(derived, layer);
  if (!shape) throw new UnknownNameError(`no layer is called "${layer}"`);
  const at = unit.length === shape.length ? unit : [null, ...unit];
  return shape.map((size, axis) => {
    const one = at[axis] ?? null;
    return one === null
      ? run(0, size - 1)
      : run(Math.min(Math.max(one, 0), size - 1), Math.min(Math.max(one, 0), size - 1));
  });
}

function shapeOf(derived: Derived, layer: string): Shape | null {
  return derived.traced.get(layer)?.out ?? derived.inputs.find((one) => one.name === layer)?.shape ?? null;
}

/** What a unit reads, as regions: with the holes that a box has not. */
export function regionsBehind(
  derived: Derived,
  layer: string,
  unit: readonly number[],
  { gates = true }: ReachOptions = {},
): Regions {
  const found = new Map<string, readonly Region[]>([[layer, [regionOf(derived, layer, unit)]]]);
  const kept = gates ? null : placedInputs(derived);
  for (const { name } of [...derived.layers].reverse()) {
    const regions = found.get(name), traced = derived.traced.get(name);
    if (!regions || !traced || traced.source) continue;
    for (const [input, reads] of followed(traced, gates, kept?.get(name))) {
      for (const region of regions) {
        const read = pulledBack(region, reads);
        if (read) found.set(input, joined(found.get(input) ?? [], read));
      }
    }
  }
  return found;
}

/** The units ahead that read a unit, as regions. */
export function regionsAhead(
  derived: Derived,
  layer: string,
  unit: readonly number[],
  { gates = true }: ReachOptions = {},
): Regions {
  const found = new Map<string, readonly Region[]>([[layer, [regionOf(derived, layer, unit)]]]);
  const kept = gates ? null : placedInputs(derived);
  for (const { name } of derived.layers) {
    const traced = derived.traced.get(name);
    if (!traced || traced.source || name === layer) continue;
    for (const [input, reads] of followed(traced, gates, kept?.get(name))) {
      for (const region of found.get(input) ?? []) {
        const ahead = pushedOn(region, reads, traced.out);
        if (ahead) found.set(name, joined(found.get(name) ?? [], ahead));
      }
    }
  }
  return found;
}

/** The reads of a layer that are followed: each input with what is read of it. */
function followed(
  traced: Traced,
  gates: boolean,
  kept: readonly number[] | undefined,
): [string, readonly AxisRead[]][] {
  // an opaque layer with more axes than its input reads axes that do not exist
  const paths = traced.inputs.map((name, at): [string, readonly AxisRead[]] => {
    return [name, traced.reads[at].slice(0, traced.shapes[at].length)];
  });
  if (gates && traced.statistics.length) paths.push([traced.inputs[0], traced.statistics]);
  return kept ? kept.map((at) => paths[at]) : paths;
}

function pulledBack(region: Region, reads: readonly AxisRead[]): Region | null {
  const found: Indices[] = [];
  for (const { follows, relation } of reads) {
    const read = pull(relation, region[follows]);
    if (!read) return null;
    found.push(read);
  }
  return found;
}

function pushedOn(region: Region, reads: readonly AxisRead[], out: Shape): Region | null {
  const found: Indices[] = out.map((size) => run(0, size - 1));
  for (let axis = 0; axis < reads.length; axis++) {
    const { follows, relation } = reads[axis], ahead = push(relation, region[axis]);
    const both = ahead && intersection(found[follows], ahead);
    if (!both) return null;
    found[follows] = both;
  }
  return found;
}

/** Adds a region to others: contained ones are dropped, and two that differ along one axis become one. */
function joined(regions: readonly Region[], added: Region): readonly Region[] {
  if (regions.some((one) => one.every((set, axis) => contains(set, added[axis])))) return regions;
  const rest: Region[] = [];
  let grown = added;
  for (const one of regions) {
    const differ = one.flatMap((set, axis) => (equalSets(set, grown[axis]) ? [] : [axis]));
    if (one.every((set, axis) => contains(grown[axis], set))) continue;
    if (differ.length === 1) grown = around(one, grown);
    else rest.push(one);
  }
  if (rest.length < MOST) return [...rest, grown];
  return [rest.reduce(around, grown)];
}

function around(one: Region, other: Region): Region {
  return one.map((set, axis) => union(set, other[axis]));
}

function boxesOf(regions: Regions): Map<string, Box> {
  const found = new Map<string, Box>();
  for (const [name, all] of regions) {
    const box = all[0].map((_, axis): readonly [number, number] => {
      return [
        Math.min(...all.map((region) => region[axis].first)),
        Math.max(...all.map((region) => region[axis].last)),
      ];
    });
    found.set(name, box);
  }
  return found;
}
