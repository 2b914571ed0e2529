/** Boxes of units equal Python's exact support; readers are the units whose reach holds the unit. */

import { derive } from "./derive.ts";
import { effective } from "./effective.ts";
import { countOf } from "./indices.ts";
import { reach, readers, regionsBehind } from "./reach.ts";
import { close, equal } from "./testing/assert.ts";
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

Deno.test({
  name: "the weight of each pixel equals Python's effective field",
  ignore,
  fn() {
    for (const vector of vectors) {
      const derived = derive(graphOfVector(vector));
      for (const { layer, at, heat, std, on_image: share, exact } of vector.boxes.filter((one) => one.heat)) {
        const what = `${vector.name}, ${vector.text}, ${layer} at ${at}`, found = effective(derived, layer, at);
        if (!found) {
          equal(share, 0, what);
          continue;
        }
        const image = derived.image.shape.slice(1), dense = new Float32Array(image.reduce((a, b) => a * b));
        found.weight.forEach((weight, number) => {
          let rest = number, place = 0, step = 1;
          for (let axis = image.length - 1; axis >= 0; axis--) {
            place += (found.start[axis] + rest % found.sizes[axis]) * step;
            step *= image[axis];
            rest = Math.floor(rest / found.sizes[axis]);
          }
          dense[place] = weight;
        });
        close(dense, Float32Array.from(heat ?? []), 1e-8, what);
        close(
          Float32Array.from([...found.std, found.onImage]),
          Float32Array.from([...std ?? [], share ?? 0]),
          1e-6,
          what,
        );
        equal(found.exact, exact, what);
      }
    }
  },
});
