import type { Net } from "./document.ts";
import { derive } from "./engine/derive.ts";
import { parse } from "./engine/notation.ts";
import { Model } from "./model.ts";
import { allGroups, groupsAround, openAtFirst, type Piece, treeOf } from "./tree.ts";

/** The model of a net in the notation, in a module for each name with dots. */
function modelOf(text: string): Model {
  const derived = derive(parse(text));
  const places = derived.layers.map(({ name }, i) => {
    return { layer: name, column: i + 1, lane: 0, module: name.split(".").slice(0, -1).join(".") };
  });
  return new Model({ ...derived, of: derived.image.name, places, arcs: [], notes: [], peak: null } as unknown as Net);
}

const steps = (row: readonly Piece[]): number => {
  return row.reduce<number>((all, piece) => all + (typeof piece === "number" ? 1 : steps(piece.pieces)), 0);
};

const says = (right: boolean, what: string): void => {
  if (!right) throw new Error(what);
};

Deno.test("a norm and an activation join the step before them, unless another layer reads in between", () => {
  says(modelOf("input 8x8x1, conv 2 3x3 bn relu, maxpool 2").steps.length === 2, "two steps");
  says(modelOf("input 8x8x2, conv 2 3x3 p1, add( relu | id )").steps.length === 3, "conv, relu, add");
});

Deno.test("every step is in the tree once, whatever it is grouped by", () => {
  const block = "add( conv 8 3x3 p1 bn relu, conv 8 3x3 p1 bn | id ), relu";
  for (
    const text of [
      "input 8x8x1, conv 2 3x3",
      `input 16x16x8, 9*( ${block} ), maxpool 2, 9*( ${block} ), gap, linear 10`,
      "input 8x8x1, 500*( conv 1 3x3 p1 relu )",
      "input 64x64x8, 4*( maxpool 2, 5*( conv 8 3x3 p1 relu ) )",
      "input 9x9x1, a.x: conv 4 3x3, a.y: relu, b.0.c: conv 2 1x1, b.1.c: conv 2 1x1, d: gap",
    ]
  ) {
    const model = modelOf(text), tree = treeOf(model);
    says(steps(tree) === model.steps.length, `all steps of ${text}`);
    const groups = allGroups(tree);
    says(new Set(groups.map((group) => group.id)).size === groups.length, `names of groups of ${text}`);
    for (const group of groups) {
      says(group.last - group.first + 1 === steps(group.pieces), `a group is a run of steps: ${group.id}`);
      says(groupsAround(tree, group.last).includes(group), `what is in ${group.id} is found there`);
    }
  }
});

Deno.test("modules are groups by their names; one of a single piece is not", () => {
  const tree = treeOf(modelOf("input 9x9x1, a.x: conv 4 3x3, a.y: conv 4 3x3, b.0.c: conv 2 1x1, d: gap"));
  says(tree.length === 3, "a, the only layer of b, and d");
  says(allGroups(tree).map((group) => group.id).join() === "a", "one group");
});

Deno.test("as many levels are open at first as fit beside each other", () => {
  const block = "add( conv 8 3x3 p1 bn relu, conv 8 3x3 p1 bn | id ), relu";
  const tree = treeOf(modelOf(`input 16x16x8, 9*( ${block} ), maxpool 2, 9*( ${block} ), gap, linear 10`));
  const [few, many] = [openAtFirst(tree, 8), openAtFirst(tree, 1000)];
  says(few.size < many.size, "more room, more that is open");
  says(many.size === allGroups(tree).length, "with room for all, all are open");
});
