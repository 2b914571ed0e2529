/** Sets of indices along an axis, and how reads map them: from outputs to what they read, and back. */

import { eachRead, isEmptyEdge, isPlain } from "./axis.ts";
import type { Relation, Window } from "./axis.ts";
import { ceilDiv, div } from "./numbers.ts";

/** A set of indices: all from the first to the last, or those of a sorted list. */
export interface Indices {
  readonly first: number;
  readonly last: number;
  readonly list: readonly number[] | null;
}

export function run(first: number, last: number): Indices {
  return { first, last, list: null };
}

export function countOf(set: Indices): number {
  return set.list?.length ?? set.last - set.first + 1;
}

export function has(set: Indices, index: number): boolean {
  if (index < set.first || index > set.last) return false;
  if (!set.list) return true;
  let low = 0, high = set.list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (set.list[middle] < index) low = middle + 1;
    else high = middle;
  }
  return set.list[low] === index;
}

export function each(set: Indices, visit: (index: number) => void): void {
  if (set.list) set.list.forEach(visit);
  else for (let at = set.first; at <= set.last; at++) visit(at);
}

/** Whether all indices of the second set are in the first. */
export function contains(one: Indices, other: Indices): boolean {
  if (other.first < one.first || other.last > one.last) return false;
  if (!one.list) return true;
  if (!other.list && countOf(other) > countOf(one)) return false;
  let inside = true;
  each(other, (index) => inside &&= has(one, index));
  return inside;
}

export function equalSets(one: Indices, other: Indices): boolean {
  return one === other || (countOf(one) === countOf(other) && contains(one, other));
}

export function union(one: Indices, other: Indices): Indices {
  if (contains(one, other)) return one;
  if (contains(other, one)) return other;
  const first = Math.min(one.first, other.first), last = Math.max(one.last, other.last);
  if (!one.list && !other.list && Math.max(one.first, other.first) <= Math.min(one.last, other.last) + 1) {
    return run(first, last);
  }
  return marked(last - first + 1, first, (mark) => {
    each(one, mark);
    each(other, mark);
  }) as Indices;
}

export function intersection(one: Indices, other: Indices): Indices | null {
  const first = Math.max(one.first, other.first), last = Math.min(one.last, other.last);
  if (first > last) return null;
  if (!one.list && !other.list) return run(first, last);
  return marked(last - first + 1, first, (mark) => each(one, (index) => has(other, index) && mark(index)));
}

/** The set of all indices that `fill` marks, out of `size` from `start`; null if there is none. */
function marked(size: number, start: number, fill: (mark: (index: number) => void) => void): Indices | null {
  const on = new Uint8Array(size);
  let first = Infinity, last = -1, count = 0;
  fill((index) => {
    if (index < start || index >= start + size || on[index - start]) return;
    on[index - start] = 1;
    count++;
    first = Math.min(first, index);
    last = Math.max(last, index);
  });
  if (!count) return null;
  if (count === last - first + 1) return run(first, last);
  const list: number[] = [];
  for (let index = first; index <= last; index++) if (on[index - start]) list.push(index);
  return { first, last, list };
}

/** The inputs that any of some outputs reads; null for none. */
export function pull(relation: Relation, outputs: Indices): Indices | null {
  if (relation.kind === "all") return relation.size ? run(0, relation.size - 1) : null;
  if (isPlain(relation)) return outputs;
  if (relation.kind === "window" && isDense(relation, outputs)) {
    const first = Math.max(0, relation.stride * outputs.first - relation.lo);
    const last = Math.min(relation.size, relation.stride * outputs.last - relation.lo + relation.kernel) - 1;
    return first <= last ? run(first, last) : null;
  }
  return marked(relation.size, 0, (mark) => each(outputs, (o) => eachRead(relation, o, mark)));
}

/** Whether the windows of some outputs leave no gap, and read nothing twice beyond the borders. */
function isDense(window: Window, outputs: Indices): boolean {
  const joined = countOf(outputs) === 1 || (!outputs.list && window.kernel >= window.stride);
  return joined && window.up === 1 && window.dilation === 1 && isEmptyEdge(window.edge);
}

/** The outputs that read any of some inputs; null for none. */
export function push(relation: Relation, inputs: Indices): Indices | null {
  if (relation.kind === "all") return run(0, relation.extent - 1);
  if (isPlain(relation)) return inputs;
  const [first, last] = relation.kind === "window" ? candidates(relation, inputs) : [0, relation.extent - 1];
  if (first > last) return null;
  return marked(last - first + 1, first, (mark) => {
    for (let o = first; o <= last; o++) if (meets(relation, o, inputs)) mark(o);
  });
}

/** The range of the outputs whose windows may reach some inputs. */
function candidates(window: Window, inputs: Indices): [number, number] {
  if (!isEmptyEdge(window.edge)) return [0, window.extent - 1];
  const first = ceilDiv(inputs.first * window.up - window.span + 1 + window.lo, window.stride);
  const last = div(inputs.last * window.up + window.lo, window.stride);
  return [Math.max(0, first), Math.min(window.extent - 1, last)];
}

function meets(relation: Relation, o: number, inputs: Indices): boolean {
  if (relation.kind === "table" && !inputs.list) {
    const first = relation.first(o), last = relation.last(o), end = relation.size - 1;
    const clip = (index: number) => Math.min(Math.max(index, 0), end);
    return first <= last && clip(first) <= inputs.last && clip(last) >= inputs.first;
  }
  let found = false;
  eachRead(relation, o, (index) => found ||= has(inputs, index));
  return found;
}
