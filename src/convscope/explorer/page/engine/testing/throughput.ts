/** How fast nets run, for the benchmark: multiply-adds a second of a whole net, on one thread. */

import { derive } from "../derive.ts";
import { Forward } from "../forward.ts";
import { parse } from "../notation.ts";
import { volume } from "../ops/op.ts";
import { fitting } from "../weights.ts";

export interface Throughput {
  readonly net: string;
  readonly macs: number;
  /** The fastest run [millisecond]. */
  readonly ms: number;
}

/** How long the runs of one measurement take together: clocks of browsers tell 0.1 ms apart [millisecond]. */
const LEAST = 4;

/** Runs each net for some time, with a new image each time. */
export function throughput(nets: readonly string[], milliseconds: number): Throughput[] {
  return nets.map((net) => {
    const derived = derive(parse(net)), forward = new Forward(derived, fitting(derived, {}).weights);
    const [input] = derived.inputs, last = derived.layers[derived.layers.length - 1].name;
    const image = Float32Array.from({ length: volume(input.shape) }, (_, at) => Math.sin(at));
    const runs = (count: number) => {
      const start = performance.now();
      for (let at = 0; at < count; at++) {
        image[0]++;
        forward.image(image);
        forward.values(last);
      }
      return (performance.now() - start) / count;
    };
    let ms = runs(3), count = 1;
    for (const begun = performance.now(); performance.now() - begun < milliseconds;) {
      count = Math.max(1, Math.ceil(LEAST / ms));
      ms = Math.min(ms, runs(count));
    }
    return { net, macs: derived.totals.macs, ms };
  });
}

Object.assign(globalThis, { throughput });
