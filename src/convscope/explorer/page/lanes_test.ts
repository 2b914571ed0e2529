import { lanesOf } from "./lanes.ts";

const same = (found: unknown, wanted: unknown): void => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
};

Deno.test("a row has one lane and no arcs", () => {
  const found = lanesOf([[], [0], [1], [2]]);
  same([[...found.lane], found.count, found.arcs.length], [[0, 0, 0, 0], 1, 0]);
});

Deno.test("a shortcut is an arc, a projection a lane that ends at the sum", () => {
  const plain = lanesOf([[], [0], [1], [2, 0]]);
  same([[...plain.lane], plain.arcs], [[0, 0, 0, 0], [{ from: 0, to: 3, level: 0 }]]);
  const projected = lanesOf([[], [0], [1], [0], [2, 3], [4]]);
  same([[...projected.lane], projected.arcs], [[0, 0, 0, 1, 0, 0], []]);
  same(projected.links.map((link) => link.route), ["next", "next", "fork", "next", "merge", "next"]);
});

Deno.test("parallel paths have a lane each, which is free again behind them", () => {
  const found = lanesOf([[], [0], [0], [0], [1, 2, 3], [4], [4], [5, 6]]);
  same([...found.lane], [0, 0, 1, 2, 0, 0, 1, 0]);
  same(found.count, 3);
});

Deno.test("nested arcs lie above each other", () => {
  const found = lanesOf([[], [0], [1], [2, 1], [3, 0]]);
  same(found.arcs.map(({ from, to, level }) => [from, to, level]), [[1, 3, 0], [0, 4, 1]]);
});

Deno.test("an item that nothing reads frees its lane, and a second input has its own", () => {
  same([...lanesOf([[], [], [0], [1], [2, 3]]).lane], [0, 1, 0, 1, 0]);
  same([...lanesOf([[], [0], [0], [2]]).lane], [0, 0, 1, 1]);
});
