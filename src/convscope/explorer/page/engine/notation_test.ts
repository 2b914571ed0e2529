/** Texts are read and written as Python reads and writes them; errors have its words and places. */

import { derive } from "./derive.ts";
import { NotationError } from "./errors.ts";
import { parse, write } from "./notation.ts";
import { equal } from "./testing/assert.ts";
import { graphOfVector, mistakes, present, vectors } from "./testing/vectors.ts";
import type { Vector } from "./testing/vectors.ts";

const ignore = !present;

/** Layers as the notation states them: names, ops, inputs. */
function summary(graph: ReturnType<typeof parse>) {
  const { layers } = derive(graph);
  return layers.map(({ name, text, inputs, out }) => [name, text, inputs, out]);
}

const written = vectors.filter((one) => !one.name.startsWith("example"));

Deno.test({
  name: "texts are read as Python reads them",
  ignore,
  fn() {
    for (const { inputs, layers, outputs, ...vector } of written) {
      const text = vector.source ?? vector.text, graph = parse(text);
      equal(graph.inputs, inputs, text);
      equal(summary(graph), layers.map(({ name, text, inputs, out }) => [name, text, inputs, out]), text);
      equal(graph.outputs, outputs, text);
    }
  },
});

/** Whether the text states layouts or nested results, which the document has not. */
function isPlain({ text }: Vector): boolean {
  return !/ as |output (tuple|list|dict)/.test(text);
}

Deno.test({
  name: "texts are written as Python writes them, and read back as the same net",
  ignore,
  fn() {
    for (const vector of written) {
      const graph = graphOfVector(vector), text = write(graph);
      if (isPlain(vector)) equal(text, vector.text);
      equal(summary(parse(text)), summary(graph), `${vector.text}\n${text}`);
      equal(parse(text).outputs, vector.outputs, `${vector.text}\n${text}`);
    }
  },
});

Deno.test({
  name: "errors have Python's words, places and suggestions",
  ignore,
  fn() {
    for (const { text, what, place, expected, attempt } of mistakes) {
      let error: unknown = null;
      try {
        parse(text);
      } catch (found) {
        error = found;
      }
      if (!(error instanceof NotationError)) throw new Error(`${text}: ${error}`);
      equal(error.message, what, text);
      if (place.length) equal([error.line, error.column], place, text);
      if (!expected.startsWith("one of ")) equal(error.expected, expected, text);
      equal(error.attempt, attempt, text);
    }
  },
});
