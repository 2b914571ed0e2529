/** Axes of any number as three: depth, height, width; those that are missing have length 1. */

import type { AxisRead, Relation } from "../axis.ts";
import { eachRead, makeWindow } from "../axis.ts";
import type { Shape } from "../types.ts";

/** The spatial sizes of `c h w` as depth, height and width. */
export function three(shape: Shape): [number, number, number] {
  const spatial = shape.slice(1);
  return [spatial[spatial.length - 3] ?? 1, spatial[spatial.length - 2] ?? 1, spatial[spatial.length - 1] ?? 1];
}

/** The relations of depth, height and width. */
export function threeRelations(reads: readonly AxisRead[]): [Relation, Relation, Relation] {
  const spatial = reads.slice(1).map((read) => read.relation);
  const plain = makeWindow(1);
  return [
    spatial[spatial.length - 3] ?? plain,
    spatial[spatial.length - 2] ?? plain,
    spatial[spatial.length - 1] ?? plain,
  ];
}

/** What each output reads along an axis: inputs `list[start[o]] … list[start[o+1] - 1]`. */
export interface Listed {
  readonly start: Int32Array;
  readonly list: Int32Array;
}

const lists = new Map<string, Listed>();
const MOST_LISTS = 512;

/** The inputs that each output of a relation reads, computed once. */
export function listedReads(relation: Relation): Listed {
  let found = lists.get(relation.key);
  if (!found) {
    if (lists.size >= MOST_LISTS) lists.clear();
    const start = new Int32Array(relation.extent + 1), list: number[] = [];
    for (let o = 0; o < relation.extent; o++) {
      eachRead(relation, o, (index) => list.push(index));
      start[o + 1] = list.length;
    }
    lists.set(relation.key, found = { start, list: Int32Array.from(list) });
  }
  return found;
}
