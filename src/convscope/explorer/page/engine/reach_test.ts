/** Boxes of units equal Python's exact support; readers are the units whose reach holds the unit. */

import { derive } from "./derive.ts";
import { countOf } from "./indices.ts";
import { reach, readers, regionsBehind } from "./reach.ts";
import { equal } from "./testing/assert.ts";
import { graphOfVector, present, vectors } from "./testing/vectors.ts";
import type { Vector } from "./testing/vectors.ts";

const ignore = !present;

Deno.test({
  name: "the box of a unit on the image equals Python's support",
  ignore,
  fn() {
    for (const vector of vectors) {
      const derived = derive(graphOfVector(vector));
      for (const { layer, at, gates, box, pixels } of vector.boxes) {
        const what = `${vector.name}, ${vector.text}, ${layer} at ${at}, gates ${gates}`;
        const found = reach(derived, layer, at, { gates }).get(vector.of);
        equal(found?.slice(1) ?? null, box, what);
        const regions = regionsBehind(derived, layer, at, { gates }).get(vector.of) ?? [];
        const one = regions.length === 1 && regions[0].slice(1).reduce((all, set) => all * countOf(set), 1);
        if (one && derived.layers.every((each) => !each.hull)) equal(one, pixels, what);
      }
    }
  },
});

/** Whether every unit of the last layer can be asked for its reach. */
function isSmall({ layers }: Vector): boolean {
  return layers.length > 1 && layers[layers.length - 1].out.reduce((a, b) => a * b) < 150;
}

Deno.test({
  name: "a unit is read by those whose reach holds it, and by no other",
  ignore,
  fn() {
    for (const vector of vectors.filter(isSmall)) {
      const derived = derive(graphOfVector(vector)),
        [first] = vector.layers,
        last = vector.layers[vector.layers.length - 1];
      const unit = first.out.map((size) => size >> 1), ahead = readers(derived, first.name, unit).get(last.name);
      const reading: number[][] = [];
      for (let number = 0; number < last.out.reduce((a, b) => a * b); number++) {
        const at = last.out.map((size, axis) => {
          return Math.floor(number / last.out.slice(axis + 1).reduce((a, b) => a * b, 1)) % size;
        });
        const box = regionsBehind(derived, last.name, at).get(first.name);
        const holds = box?.some((region) =>
          region.every((set, axis) => {
            return set.list ? set.list.includes(unit[axis]) : set.first <= unit[axis] && unit[axis] <= set.last;
          })
        );
        if (holds && first !== last) reading.push(at);
      }
      const around = reading.length
        ? last.out.map((
          _,
          axis,
        ) => [Math.min(...reading.map((at) => at[axis])), Math.max(...reading.map((at) => at[axis]))])
        : null;
      equal(ahead ?? null, around, `${vector.name}, ${vector.text}`);
    }
  },
});
