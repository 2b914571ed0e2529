/** What an op gets to compute one sample: its inputs, its weights, and the tensor to fill. */

import type { Reads } from "../axis.ts";
import type { Shape } from "../types.ts";

/** Values in the order `c h w`. */
export interface Tensor {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export interface Call {
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** The reads of the op at these shapes. */
  readonly reads: Reads;
  /** The weights by name. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  /** Grows whenever a weight changes. */
  readonly version: number;
  /** What a layer computes once for its shapes and keeps from run to run; `key` tells its uses apart. */
  memo<T>(key: string, make: () => T): T;
}
