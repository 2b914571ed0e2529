import { deepStrictEqual, strictEqual } from "node:assert";
import type { Layer, Net, Window } from "../../document.ts";
import { Model } from "../../model.ts";
import { chosenOf, placed, PRESETS, textOf, turned } from "./named.ts";
import { kernelOf, mapOf, patchOf, position, type Scene, shownLayer } from "./scene.ts";

const window = (size: number, patch: Partial<Window>): Window => ({
  kind: "window",
  follows: 1,
  size,
  kernel: 1,
  stride: 1,
  dilation: 1,
  lo: 0,
  hi: 0,
  up: 1,
  edge: "zero",
  ...patch,
});

const scene = (patch: Partial<Scene>): Scene => ({
  layer: { op: "conv" } as Layer,
  kind: "conv",
  source: "input",
  from: [1, 7, 7],
  out: [1, 5, 5],
  rows: window(7, { kernel: 3 }),
  columns: window(7, { kernel: 3 }),
  width: 1,
  group: 1,
  after: [],
  ...patch,
});

const STEP = Float32Array.from({ length: 49 }, (_, i) => (i % 7 > 2 ? 10 : 0));
const preset = (id: string): Float32Array => placed(PRESETS.find((one) => one.id === id)?.values ?? [], 3, 3);
const row = (kernel: Float32Array): number[] => [...mapOf(scene({}), STEP, 0, kernel, 0).slice(0, 5)];

Deno.test("a kernel slides over a step: the sums of the lesson", () => {
  deepStrictEqual(row(preset("edge")), [0, 30, 30, 0, 0]);
  deepStrictEqual(row(turned(preset("edge"))), [0, -30, -30, 0, 0]);
  deepStrictEqual(row(preset("blur")).map((x) => x.toFixed(2)), ["0.00", "3.33", "6.67", "10.00", "10.00"]);
  deepStrictEqual(row(preset("sharpen")), [0, -10, 20, 10, 10]);
});

Deno.test("a unit's patch, with padding where there is nothing", () => {
  const padded = scene({
    rows: window(7, { kernel: 3, lo: 1, hi: 1 }),
    columns: window(7, { kernel: 3, lo: 1, hi: 1 }),
  });
  const found = patchOf(padded, STEP, 0, [0, 3]);
  deepStrictEqual([...found.values], [0, 0, 0, 0, 10, 10, 0, 10, 10]);
  deepStrictEqual(found.padding, [true, true, true, false, false, false, false, false, false]);
});

Deno.test("positions beyond the border, and on a stretched input", () => {
  const at = (edge: Window["edge"], o: number) => position(window(4, { kernel: 3, lo: 1, hi: 1, edge }), o, 0);
  deepStrictEqual([at("zero", 0), at("clamp", 0), at("reflect", 0), at("wrap", 0)], [-1, 0, 1, 3]);
  const stretched = window(3, { kernel: 3, lo: 1, hi: 1, up: 2 });
  deepStrictEqual([0, 1, 2].map((t) => position(stretched, 0, t)), [-1, 0, -1]);
  deepStrictEqual([0, 1, 2].map((t) => position(stretched, 1, t)), [0, -1, 1]);
});

Deno.test("groups, pools and transposed kernels", () => {
  const grouped = scene({
    from: [4, 1, 1],
    out: [2, 1, 1],
    width: 2,
    group: 1,
    rows: window(1, {}),
    columns: window(1, {}),
  });
  deepStrictEqual([...mapOf(grouped, Float32Array.from([1, 2, 3, 4]), 1, Float32Array.from([10, 1]), 5)], [39]);
  const pooled = scene({
    kind: "max",
    out: [1, 3, 3],
    rows: window(7, { kernel: 2, stride: 2 }),
    columns: window(7, { kernel: 2, stride: 2 }),
  });
  deepStrictEqual([...mapOf(pooled, STEP, 0, new Float32Array(), 0).slice(0, 3)], [0, 10, 10]);
  const back = scene({
    layer: { op: "convt" } as Layer,
    from: [1, 2, 2],
    out: [2, 3, 3],
    group: 2,
    rows: window(2, { kernel: 2 }),
    columns: window(2, { kernel: 2 }),
  });
  deepStrictEqual([...kernelOf(back, Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]), 1)], [8, 7, 6, 5]);
});

Deno.test("a kernel is written in the address as it is read", () => {
  strictEqual(chosenOf(""), null);
  strictEqual(chosenOf("nonsense"), null);
  deepStrictEqual(chosenOf("-1,0,1"), { kind: "values", values: [-1, 0, 1] });
  const found = chosenOf("edge,turned");
  strictEqual(found?.kind === "preset" && found.turned && found.preset.id, "edge");
  strictEqual(textOf(Float32Array.from([0.1, -2])), "0.1,-2");
  deepStrictEqual([...placed([1, 2, 3, 4, 5, 6, 7, 8, 9], 1, 1)], [5]);
  deepStrictEqual([...placed([1, 2, 3, 4, 5, 6, 7, 8, 9], 5, 5)].filter((x) => x).length, 9);
});

Deno.test("the layer that is shown is the nearest one with a window", () => {
  const layer = (name: string, op: string, from: string): Layer => ({
    ...({ text: op, settings: {}, params: 0, macs: 0, bytes: 0, live: 0, rf: [], gated: null } as unknown as Layer),
    name,
    op,
    inputs: [from],
    out: [1, 5, 5],
    reads: [[0, 1, 1]],
    pointwise: op !== "conv",
  });
  const net = {
    inputs: [{ name: "input", shape: [1, 7, 7], kind: "float" }],
    layers: [layer("conv1", "conv", "input"), layer("relu1", "relu", "conv1")],
    reads: [{ kind: "all", follows: 0, size: 1, extent: 1, bound: false }, window(7, { kernel: 3 })],
    places: [],
    of: "input",
    outputs: [],
  } as unknown as Net;
  const found = shownLayer(new Model(net), "relu1");
  strictEqual(found?.layer.name, "conv1");
  deepStrictEqual(found?.after.map((one) => one.name), ["relu1"]);
});
