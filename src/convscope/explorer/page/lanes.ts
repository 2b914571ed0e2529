// Columns and lanes: every item has a column of its own; paths beside the main one have lanes of their own.

/** A line from one item to a later one: along its lane, out into a new lane, or back from a lane that ends. */
export interface Link {
  from: number;
  to: number;
  route: "next" | "fork" | "merge";
}

/** A value that is read again further on: drawn above what lies between, the level counted from below. */
export interface Arc {
  from: number;
  to: number;
  level: number;
}

export interface Lanes {
  lane: Int32Array;
  count: number;
  links: Link[];
  arcs: Arc[];
}

/** Place items, given which earlier items each reads, in order. */
export function lanesOf(sources: readonly (readonly number[])[]): Lanes {
  const lane = new Int32Array(sources.length);
  const last = new Int32Array(sources.length).fill(-1);
  sources.forEach((all, i) => all.forEach((from) => last[from] = i));
  const heads: number[] = []; // the item at the end of each lane; -1 for a lane that is free
  const found: Lanes = { lane, count: 0, links: [], arcs: [] };
  sources.forEach((all, i) => {
    const ends = all.filter((from) => heads[lane[from]] === from).sort((a, b) => lane[a] - lane[b]);
    const next = ends.at(0);
    lane[i] = next === undefined ? vacant(heads, all.length ? 1 : 0) : lane[next];
    for (const from of all) {
      if (from === next) found.links.push({ from, to: i, route: "next" });
      else if (ends.includes(from)) found.links.push({ from, to: i, route: "merge" });
      else if (next === undefined && from === all[0]) found.links.push({ from, to: i, route: "fork" });
      else found.arcs.push({ from, to: i, level: 0 });
      if (last[from] === i && ends.includes(from)) heads[lane[from]] = -1;
    }
    heads[lane[i]] = last[i] < 0 && i < sources.length - 1 ? -1 : i;
  });
  found.count = Math.max(1, heads.length);
  raise(found.arcs, sources.length);
  return found;
}

/** The lowest free lane; what begins beside the main path never takes its lane. */
function vacant(heads: readonly number[], from: number): number {
  for (let at = from; at < heads.length; at++) if ((heads[at] ?? -1) < 0) return at;
  return Math.max(from, heads.length);
}

/** Raise arcs until none lies on another, short ones first; `columns` is the number of items. */
function raise(arcs: Arc[], columns: number): void {
  const taken: Uint8Array[] = [];
  for (const arc of [...arcs].sort((a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from)) {
    while (arc.level < 7 && taken[arc.level]?.subarray(arc.from, arc.to).includes(1)) arc.level += 1;
    (taken[arc.level] ??= new Uint8Array(columns)).fill(1, arc.from, arc.to);
  }
}
