/** Edits change what they say and nothing else; fixes mend the error that they are for. */

import { derive } from "./derive.ts";
import { apply, insert, insertOn, move, remove, rename, renumbered, replace, setField } from "./edit.ts";
import type { NotationError } from "./errors.ts";
import { fixesFor } from "./fixes.ts";
import { hindrance } from "./forward.ts";
import type { Graph } from "./graph.ts";
import { parse, write } from "./notation.ts";
import { equal, throws } from "./testing/assert.ts";
import { fitting } from "./weights.ts";

const NET = "input 28x28x1, conv 16 5x5 bn relu, maxpool 2, conv 32 3x3 bn relu, gap, linear 10";
const BLOCK = "input 8x8x4, add( conv 4 3x3 same relu | id ) relu, gap, linear 2";

const text = (graph: Graph) => write(renumbered(graph).graph);

Deno.test("a setting is set, and a pool's stride follows its kernel", () => {
  const graph = parse(NET), before = JSON.stringify(graph);
  equal(text(setField(graph, "conv1", "kernel", [3, 3])), NET.replace("5x5", "3x3"));
  equal(text(setField(graph, "maxpool1", "kernel", [3])), NET.replace("maxpool 2", "maxpool 3"));
  equal(
    text(setField(setField(graph, "maxpool1", "stride", [1]), "maxpool1", "kernel", [3])),
    NET.replace("maxpool 2", "maxpool 3 s1"),
  );
  equal(JSON.stringify(graph), before);
  throws(() => setField(graph, "conv1", "kernels", [3]), 'conv has no setting "kernels"');
  throws(() => setField(graph, "conv1", "kernel", [0]), "kernel=0");
  throws(() => setField(graph, "conv9", "kernel", [3]), 'no layer is called "conv9"');
});

Deno.test("layers are inserted, removed, replaced, moved and renamed", () => {
  const graph = parse(NET);
  equal(text(insert(graph, "relu1", "conv 8 1x1 relu")), NET.replace("relu, max", "relu, conv 8 1x1 relu, max"));
  equal(text(insert(graph, "input", "pad 2")), NET.replace("1, conv", "1, pad 2, conv"));
  equal(insert(graph, "relu1", "bn").nodes.map((node) => node.name).includes("bn3"), true);
  equal(text(remove(graph, "maxpool1")), NET.replace(" maxpool 2,", ""));
  equal(text(remove(graph, "linear1")), NET.replace(", linear 10", ""));
  equal(text(replace(graph, "maxpool1", "avgpool 2")), NET.replace("maxpool", "avgpool"));
  equal(
    text(move(graph, "maxpool1", "relu2")),
    NET.replace(" maxpool 2,", "").replace("relu, gap", "relu, maxpool 2, gap"),
  );
  equal(text(rename(graph, "conv2", "middle")), NET.replace("conv 32 3x3 bn", "middle: conv 32 3x3, bn"));
  throws(() => rename(graph, "conv1", "conv2"), 'the name "conv2" is taken');
  throws(() => remove(parse("input 3, relu"), "relu1"), "the last layer cannot be removed");
  throws(() => insert(graph, "relu1", "cnov 3"), 'there is no op "cnov"');
  const error = throws(() => insert(graph, "relu1", "bn, dwconv 3x3"), 'there is no op "dwconv"') as NotationError;
  equal([error.line, error.column, error.attempt], [1, 5, "conv 16 3x3 g16"]);
});

Deno.test("merges lose a path or themselves, and paths that nothing else reads go with them", () => {
  const graph = parse(BLOCK);
  equal(text(remove(graph, "add1")), "input 8x8x4, conv 4 3x3 same relu relu, gap, linear 2");
  equal(text(remove(graph, "add1", 1)), "input 8x8x4, relu, gap, linear 2");
  equal(text(insertOn(graph, "add1", 1, "conv 4 1x1")), BLOCK.replace("| id", "| conv 4 1x1"));
  equal(text(replace(graph, "add1", "cat")), BLOCK.replace("add(", "cat("));
});

/** The fixes of the only error of a net, after each of which it has none. */
function fixes(net: string): string[] {
  const derived = derive(parse(net));
  const [error] = derived.errors, found = fixesFor(derived, error);
  for (const { edit } of found) equal(derive(apply(derived.graph, edit)).errors, [], `${net}: ${JSON.stringify(edit)}`);
  return found.map(({ words }) => words);
}

Deno.test("errors at a layer come with fixes that mend them", () => {
  equal(fixes("input 28x28x48, conv 64 3x3 g5"), ["conv1: groups = 4", "conv1: groups = 2"]);
  equal(fixes("input 4x4x2, relu, conv 8 7x7"), ["conv1: pad = same", "conv1: kernel = 4x4", "remove conv1"]);
  equal(fixes("input 8x8x4, relu, maxpool 2 p2"), ["maxpool1: pad = same", "maxpool1: pad = 0", "remove maxpool1"]);
  equal(fixes("input 8x8x4, relu, linear 10, conv 3 3x3"), ["remove conv1"]);
  equal(fixes("input 8x8x6, relu, gn 4"), ["gn1: groups = 3", "gn1: groups = 2", "remove gn1"]);
  equal(fixes("input 8x8x6, relu, scale 1x1x4"), ["scale1: shape = 1x1x6", "remove scale1"]);
});

Deno.test("paths that do not meet come with fixes for either", () => {
  equal(fixes("input 8x8x4, relu, add( conv 4 3x3 | id )"), [
    "conv1: pad = same",
    "crop 1x1 before input 2 of add1, which is 8x8x4",
    "remove add1",
  ]);
  equal(fixes("input 8x8x4, relu, add( conv 8 3x3 same s2 | id )").slice(0, 2), [
    "conv 8 1x1 s2 before input 2 of add1, which is 8x8x4",
    "up 2, conv 4 1x1 before input 1 of add1, which is 4x4x8",
  ]);
  equal(fixes("input 9x9x4, relu, cat( conv 6 3x3 p1 | conv 6 5x5 p1 | maxpool 3 s1 )").slice(0, 2), [
    "crop 1x1 before input 1 of cat1, which is 9x9x6",
    "conv1: pad = same, conv2: pad = same, maxpool1: pad = same",
  ]);
});

Deno.test("after an error, what depends on it is unknown and the rest is not", () => {
  const { layers, totals, errors } = derive(parse("input 8x8x4, conv 8 3x3, conv 8 9x9 relu, gap, linear 2"));
  equal(errors, [{
    layer: "conv2",
    kind: "ShapeError",
    what: "a window of 9 does not fit into 6",
    given: "6x6x8 from conv1",
    expected: "an input of at least 9 along that axis",
    attempt: "",
  }]);
  equal(layers.map(({ out, params, rf }) => [out?.length ?? null, params, rf && rf[0].size]), [
    [3, 296, 3],
    ...Array(4).fill([null, null, null]),
  ]);
  equal([totals.params, totals.exact, totals.missing], [296, false, ["conv2", "gap1", "linear1", "relu1"]]);
});

Deno.test("nets that are too large are an error, unknown, or a reason not to run, and take no memory", () => {
  const large = derive(parse("input 2147483648x2147483648x3, conv 8 3x3")), { errors, layers } = large;
  equal(fixesFor(large, errors[0]), []);
  equal(errors.map(({ layer, what }) => [layer, what]), [["input", "2147483648x2147483648x3 is too large"]]);
  equal([layers[0].out, layers[0].rf], [null, null]);
  const long = derive(parse("input 1000000x1, 20*( conv 1 3 p1 )")).layers;
  equal([long[0].rf?.[0].size, long[19].rf, long[19].out], [3, null, [1, 1000000]]);
  const wide = derive(parse("input 1000x1000x64, linear 100000")), { weights, drawn } = fitting(wide, {});
  equal([drawn, hindrance(wide, weights)], [["linear1"], "linear1: its weight is not in this document"]);
  const deep = derive(parse("input 1000x1000x4, 9*( conv 16 3x3 same )"));
  equal(hindrance(deep, {}), "its layers have 144,000,000 values, and the page holds 134 million");
});
