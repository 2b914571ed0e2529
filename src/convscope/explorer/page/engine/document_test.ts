/** Ops that the engine does not name keep the document's numbers as long as nothing before them changes. */

import { derive } from "./derive.ts";
import type { Derived } from "./derive.ts";
import { insert, setField } from "./edit.ts";
import { graphOf } from "./graph.ts";
import { parse, write } from "./notation.ts";
import { OPS } from "./ops/registry.ts";
import { reach } from "./reach.ts";
import { equal } from "./testing/assert.ts";
import { documents, present, pulled } from "./testing/vectors.ts";
import type { PulledRead } from "./testing/vectors.ts";
import type { Layer } from "./types.ts";

const ignore = !present;

/** Compares layers with those of the document, as far as it has them. */
function compare(derived: Derived, layers: readonly Layer[], what: string): void {
  for (const layer of derived.layers) {
    const expected = layers.find(({ name }) => name === layer.name);
    if (!expected) continue;
    for (const key of ["text", "out", "params", "macs", "bytes", "rf", "gated", "hull", "pointwise"] as const) {
      equal(layer[key], expected[key], `${what}, ${layer.name}: ${key}`);
    }
  }
}

Deno.test({
  name: "a document's own net is as the document says",
  ignore,
  fn() {
    equal(documents.length > 3, true);
    for (const { text, net } of documents) {
      const derived = derive(graphOf(net), net);
      compare(derived, net.layers, text);
      equal(derived.totals, net.totals, text);
      equal(
        [derived.layers.map(({ live }) => live), derived.peak],
        [net.layers.map(({ live }) => live), net.peak],
        text,
      );
    }
  },
});

Deno.test({
  name: "boxes of units follow from the reads of a document",
  ignore,
  fn() {
    for (const { text, net, boxes, reads } of documents) {
      const derived = derive(graphOf(net), net);
      net.layers.forEach(({ name, op }, at) => {
        const found = derived.traced.get(name)?.reads.map((one) => one.map(pulled));
        const kinds = (one: PulledRead) => ({ ...one, kind: "" }); // tables may have another form in a document
        equal(found?.map((one) => one.map(kinds)), reads[at].map((one) => one.map(kinds)), `${text}, ${name}, ${op}`);
      });
      for (const { layer, at, gates, box } of boxes) {
        const found = reach(derived, layer, at, { gates }).get(net.of)?.slice(1) ?? null;
        equal(found, box, `${text}, ${layer} at ${at}, gates ${gates}`);
      }
    }
  },
});

Deno.test({
  name: "after a change at the end all before is known, after one at the beginning unnamed ops are unknown",
  ignore,
  fn() {
    for (const { text, net } of documents) {
      const graph = graphOf(net), last = net.layers[net.layers.length - 1].name;
      compare(derive(insert(graph, last, "relu"), net), net.layers, text);
      const conv = net.layers[0];
      if (conv.op !== "conv") continue;
      const changed = derive(setField(graph, conv.name, "out", Number(conv.settings.out) * 2), net);
      const unnamed = changed.layers.findIndex(({ op }) => !OPS.has(op));
      equal(changed.layers.slice(unnamed).map(({ out }) => out), net.layers.slice(unnamed).map(() => null), text);
      equal([changed.totals.exact, changed.peak, changed.errors], [false, null, []], text);
    }
  },
});

Deno.test({
  name: "the words of unnamed ops are read and written",
  ignore,
  fn() {
    for (const { text, net } of documents) {
      const written = write(graphOf(net), net), graph = parse(written);
      equal(
        graph.nodes.map(({ name, op, inputs }) => [name, op, inputs]),
        net.layers.map((one) => [one.name, one.op, one.inputs]),
        text,
      );
      compare(derive(graph, net), net.layers, text);
      equal(write(graph, net), written);
    }
  },
});
