/** Sizes, reads, params, MACs and receptive fields equal those of Python, for every op that the engine names. */

import { derive } from "./derive.ts";
import type { Derived, DerivedLayer } from "./derive.ts";
import { FOREIGN, isMerge, OPS } from "./ops/registry.ts";
import { equal } from "./testing/assert.ts";
import { graphOfVector, keywords, present, pulled, vectors } from "./testing/vectors.ts";
import type { VectorLayer } from "./testing/vectors.ts";

const ignore = !present;

function compareFacts(layer: DerivedLayer, expected: VectorLayer, what: string): void {
  for (const key of ["text", "settings", "out", "params", "macs", "bytes", "live", "hull", "pointwise"] as const) {
    equal(layer[key], expected[key], `${what}: ${key}`);
  }
  const weights = layer.weights?.map(({ name, shape, trained, dtype }) => [name, shape, trained, dtype]);
  equal(weights, expected.weights, `${what}: weights`);
}

function compareReads(derived: Derived, expected: VectorLayer, what: string): void {
  const traced = derived.traced.get(expected.name);
  equal(traced?.reads.map((reads) => reads.map(pulled)), expected.reads, `${what}: reads`);
  equal(traced?.statistics.map(pulled), expected.statistics, `${what}: statistics`);
}

Deno.test({
  name: "every op of the notation is named or known to be foreign",
  ignore,
  fn() {
    equal([...OPS.keys(), ...FOREIGN.keys()].sort(), Object.keys(keywords).sort());
    for (const [keyword, merges] of Object.entries(keywords)) equal(isMerge(keyword), merges, keyword);
  },
});

Deno.test({
  name: "settings, sizes, params, MACs, weights and reads equal Python's",
  ignore,
  fn() {
    for (const vector of vectors) {
      const derived = derive(graphOfVector(vector));
      equal(derived.errors, [], vector.name);
      vector.layers.forEach((expected, at) => {
        const what = `${vector.name}, ${vector.text}, ${expected.name}`;
        compareFacts(derived.layers[at], expected, what);
        compareReads(derived, expected, what);
      });
      const { params, macs, bytes } = derived.totals;
      equal({ params, macs, bytes }, vector.totals, vector.name);
      equal(derived.peak, vector.peak, vector.name);
    }
  },
});

Deno.test({
  name: "receptive fields equal Python's",
  ignore,
  fn() {
    for (const vector of vectors) {
      const derived = derive(graphOfVector(vector));
      vector.layers.forEach((expected, at) => {
        const what = `${vector.name}, ${vector.text}, ${expected.name}`;
        equal(derived.layers[at].rf, expected.rf, `${what}: rf`);
        equal(derived.layers[at].gated, expected.gated, `${what}: gated`);
      });
    }
  },
});
