/** What was computed already: results of one source, and one object for equal values. */

import type { Boxes } from "./boxes.ts";
import type { Line } from "./line.ts";
import type { Track } from "./track.ts";

/** The most units whose boxes are compared; larger ones are equal only to themselves. */
const LISTED = 1024;

export class Memory {
  private readonly results = new Map<object, Map<string, unknown>>();
  private readonly numbers = new WeakMap<object, number>();
  private readonly same = new WeakMap<object, object>();
  private readonly values = new Map<string, object>();
  private count = 0;

  /** The result of `work` for a source, computed once. */
  once<T>(source: object, how: string, work: () => T): T {
    let mine = this.results.get(source);
    if (!mine) this.results.set(source, mine = new Map());
    if (!mine.has(how)) mine.set(how, work());
    return mine.get(how) as T;
  }

  /** A number that an object keeps. */
  number(one: object): number {
    let found = this.numbers.get(one);
    if (found === undefined) this.numbers.set(one, found = this.count++);
    return found;
  }

  /** A track with the first of several equal boxes and lines, so that what is equal is computed once. */
  canonical(track: Track): Track {
    const boxes = this.first(track.boxes, boxesKey), line = track.line && this.first(track.line, lineKey);
    const shares = track.shares.map(([channels, part]) => [channels, this.canonical(part)] as const);
    return { ...track, boxes, line, shares };
  }

  private first<T extends object>(one: T, key: (one: T) => string | null): T {
    let found = this.same.get(one) as T | undefined;
    if (!found) {
      const content = key(one);
      found = one;
      if (content !== null) {
        found = (this.values.get(content) as T | undefined) ?? one;
        this.values.set(content, found);
      }
      this.same.set(one, found);
    }
    return found;
  }
}

function boxesKey({ size, pixels, first, last }: Boxes): string | null {
  return size > LISTED ? null : `boxes ${pixels} ${first.join()} ${last.join()}`;
}

function lineKey({ advance, phases, seams }: Line): string {
  return `line ${advance} ${phases.join()} ${seams}`;
}
