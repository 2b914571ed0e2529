// One sentence about where the costs are, from the numbers.

import { type Cost, costOf, type Item } from "../../items.ts";
import { listed, percent } from "../../words.ts";

/** The fewest of the largest columns that hold most of a cost, at most three; none if it is spread evenly. */
export function heavy(items: readonly Item[], cost: Cost, total: number): { names: string[]; share: number } | null {
  if (total <= 0) return null;
  const sorted = items.filter((item) => item.layers.length).sort((a, b) =>
    costOf(b, cost).value - costOf(a, cost).value
  );
  let held = 0;
  const names: string[] = [];
  for (const item of sorted.slice(0, 3)) {
    held += costOf(item, cost).value;
    names.push(item.title);
    if (held / total >= 0.5) break;
  }
  return { names, share: held / total };
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name) => b.includes(name));

interface Part {
  names: string[];
  share: number;
}

/** 90 % of the MACs; of a spread-out cost: only 30 %. */
const Share = ({ part, of }: { part: Part; of: string }) => (
  <>
    <b>{part.share < 0.4 ? "only " : ""}{percent(part.share)}</b> of the {of}
  </>
);

const subject = ({ names, share }: Part): string => (share < 0.4 ? "even " : "") + listed(names);

export function Verdict({ items, exact }: { items: readonly Item[]; exact: boolean }) {
  const total = (cost: Cost) => items.reduce((all, item) => all + costOf(item, cost).value, 0);
  const macs = heavy(items, "macs", total("macs"));
  const params = heavy(items, "params", total("params"));
  const known = exact ? "" : "known ";
  const take = (part: Part) => part.names.length === 1 ? "takes" : "take";
  const hold = (part: Part) => part.names.length === 1 ? "holds" : "hold";
  if (macs && params && same(macs.names, params.names)) {
    return (
      <p class="verdict">
        {subject(macs)} {take(macs)} <Share part={macs} of={`${known}MACs`} /> and {hold(params)}{" "}
        <Share part={params} of={`${known}params`} />.
      </p>
    );
  }
  if (!macs && !params) return <p class="verdict">No layer of this net has weights, and none multiplies.</p>;
  return (
    <p class="verdict">
      {macs && (
        <>
          {subject(macs)} {take(macs)} <Share part={macs} of={`${known}MACs`} />
        </>
      )}
      {macs && params && "; "}
      {params && (
        <>
          {subject(params)} {hold(params)} <Share part={params} of={`${known}params`} />
        </>
      )}.
    </p>
  );
}
