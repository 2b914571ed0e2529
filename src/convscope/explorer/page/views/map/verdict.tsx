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

const SPREAD = 0.4;

/** Who takes how much: conv2 takes 90 % of the MACs; or that nobody takes much. */
function Taken({ part, verb, of, first }: { part: Part; verb: [string, string]; of: string; first: boolean }) {
  const names = listed(part.names);
  if (part.share < SPREAD) {
    return (
      <>
        {first ? "T" : "t"}he {of} are spread out: {part.names.length === 1 ? "" : "even "}
        {names} {part.names.length === 1 ? verb[0] : verb[1]} only <b>{percent(part.share)}</b>
      </>
    );
  }
  return (
    <>
      {names} {part.names.length === 1 ? verb[0] : verb[1]} <b>{percent(part.share)}</b> of the {of}
    </>
  );
}

export function Verdict({ items, exact }: { items: readonly Item[]; exact: boolean }) {
  const total = (cost: Cost) => items.reduce((all, item) => all + costOf(item, cost).value, 0);
  const macs = heavy(items, "macs", total("macs"));
  const params = heavy(items, "params", total("params"));
  const known = exact ? "" : "known ";
  if (!macs && !params) {
    const none = exact ? "No layer of this net has weights, and none multiplies." : "The costs are unknown.";
    return <p class="verdict" data-cover="costs">{none}</p>;
  }
  if (macs && params && same(macs.names, params.names) && Math.max(macs.share, params.share) < SPREAD) {
    return (
      <p class="verdict" data-cover="costs">
        The costs are spread out: even {listed(macs.names)} take only <b>{percent(macs.share)}</b> of the{" "}
        {known}MACs and hold only <b>{percent(params.share)}</b> of the {known}params.
      </p>
    );
  }
  const both = macs && params && same(macs.names, params.names) && Math.min(macs.share, params.share) >= SPREAD;
  return (
    <p class="verdict" data-cover="costs">
      {macs && <Taken part={macs} verb={["takes", "take"]} of={`${known}MACs`} first />}
      {both && (
        <>
          {" "}and {params.names.length === 1 ? "holds" : "hold"} <b>{percent(params.share)}</b> of the {known}params
        </>
      )}
      {macs && params && !both && "; "}
      {params && !both && <Taken part={params} verb={["holds", "hold"]} of={`${known}params`} first={!macs} />}.
    </p>
  );
}
