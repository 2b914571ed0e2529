/** Values equal torch's; after a change only what depends on it is computed again, with the same result. */

import { derive } from "./derive.ts";
import { Forward } from "./forward.ts";
import { close, equal } from "./testing/assert.ts";
import type { Vector } from "./testing/vectors.ts";
import { graphOfVector, present, unpacked, vectors } from "./testing/vectors.ts";
import type { Weights } from "./weights.ts";
import { half } from "./weights.ts";

const ignore = !present;
const BOUND = 1e-4;

function started(vector: Vector): Forward {
  const weights: Weights = {};
  for (const [layer, mine] of Object.entries(vector.weights ?? {})) {
    weights[layer] = Object.fromEntries(Object.entries(mine).map(([name, text]) => [name, unpacked(text)]));
  }
  const forward = new Forward(derive(graphOfVector(vector)), weights);
  for (const [name, text] of Object.entries(vector.given ?? {})) forward.image(unpacked(text), name);
  return forward;
}

Deno.test({
  name: "values of every layer equal torch's",
  ignore,
  fn() {
    for (const vector of vectors.filter((one) => one.values)) {
      const forward = started(vector);
      for (const [layer, text] of Object.entries(vector.values ?? {})) {
        close(forward.values(layer), unpacked(text), BOUND, `${vector.name}, ${vector.text}, ${layer}`);
      }
    }
  },
});

Deno.test({
  name: "outputs of the recipes' nets on digits equal torch's",
  ignore,
  fn() {
    const recipes = vectors.filter((one) => one.digits && one.logits);
    equal(recipes.length > 3, true);
    for (const vector of recipes) {
      const forward = started(vector), last = vector.outputs[0].layer;
      const digits = unpacked(vector.digits ?? ""), logits = unpacked(vector.logits ?? "");
      const size = vector.inputs[0].shape.reduce((a, b) => a * b), count = digits.length / size;
      for (let at = 0; at < count; at++) {
        forward.image(digits.subarray(at * size, (at + 1) * size));
        const expected = logits.subarray(at * logits.length / count, (at + 1) * logits.length / count);
        close(forward.values(last), expected, BOUND, `${vector.name}, digit ${at}`);
      }
    }
  },
});

Deno.test({
  name: "after a change of a weight or an image, values are those of a new run",
  ignore,
  fn() {
    for (const vector of vectors.filter((one) => one.given && one.layers.length > 2)) {
      const forward = started(vector), last = vector.layers[vector.layers.length - 1].name;
      forward.values(last);
      const layer = vector.layers.find((one) => one.weights.some(([name]) => name === "weight"))?.name;
      if (layer) forward.weight(layer, "weight", 0, 0.75);
      const name = vector.inputs[0].name, image = unpacked(vector.given?.[name] ?? "").fill(0.25, 0, 3);
      forward.image(image, name);
      const after = forward.values(last).slice(), fresh = started(vector);
      if (layer) fresh.weight(layer, "weight", 0, 0.75);
      fresh.image(image, name);
      equal(fresh.pending([last]).length >= forward.pending([last]).length, true);
      close(after, fresh.values(last), 0, `${vector.name}, ${vector.text}`);
    }
  },
});

Deno.test("half-precision floats", () => {
  const known: [number, number][] = [[0x3c00, 1], [0xc000, -2], [0x3555, 0.333251953125], [0x0001, 2 ** -24]];
  for (const [bits, value] of [...known, [0x7bff, 65504], [0x7c00, Infinity], [0x8000, -0]]) equal(half(bits), value);
});
