/** The values of weights: decoded from a document, kept over an edit, drawn where there are none. */

import type { Derived } from "./derive.ts";
import { volume } from "./ops/op.ts";
import type { Layer, Weight } from "./types.ts";

/** Values by layer and name. */
export type Weights = Record<string, Record<string, Float32Array>>;

/** Reads little-endian float32 or float16 values. */
export function decoded(bytes: Uint8Array, stored: Weight["stored"]): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new Float32Array(bytes.byteLength / (stored === "float16" ? 2 : 4));
  for (let at = 0; at < found.length; at++) {
    found[at] = stored === "float16" ? half(view.getUint16(2 * at, true)) : view.getFloat32(4 * at, true);
  }
  return found;
}

/** The value of the 16 bits of a half-precision float (IEEE 754). */
export function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The weights that a document has; `bytes` gives a blob by its key. */
export function weightsIn(layers: readonly Layer[], bytes: (key: string, what: string) => Uint8Array): Weights {
  const found: Weights = {};
  for (const layer of layers) {
    for (const weight of layer.weights ?? []) {
      if (weight.blob === null) continue;
      const values = decoded(bytes(weight.blob, `${layer.name}.${weight.name}`), weight.stored);
      (found[layer.name] ??= {})[weight.name] = values;
    }
  }
  return found;
}

/** Weights that fit a net, and the layers whose weights are drawn at random because there were none that fit. */
export interface Fitting {
  readonly weights: Weights;
  readonly drawn: readonly string[];
}

/** The most values that are drawn for a net; what would take more stays without weights. */
const MOST_DRAWN = 2 ** 24;

/** Keeps the weights that fit; the others are drawn as for a training that begins (He et al. 2015). */
export function fitting(derived: Derived, given: Weights, seed = 0): Fitting {
  const weights: Weights = {}, drawn: string[] = [];
  const normal = normals(seed);
  let left = MOST_DRAWN;
  for (const layer of derived.layers) {
    const mine: Record<string, Float32Array> = {};
    let fresh = false;
    for (const weight of layer.weights ?? []) {
      const old = given[layer.name]?.[weight.name], size = volume(weight.shape);
      if (old?.length === size) mine[weight.name] = old;
      else if (size <= left) {
        left -= size;
        fresh ||= weight.trained;
        mine[weight.name] = initial(weight, size, normal);
      }
    }
    weights[layer.name] = mine;
    if (fresh) drawn.push(layer.name);
  }
  return { weights, drawn };
}

function initial(weight: Weight, size: number, normal: () => number): Float32Array {
  const found = new Float32Array(size);
  if (weight.name.endsWith("running_var") || (weight.name === "weight" && weight.shape.length === 1)) {
    return found.fill(1);
  }
  if (weight.shape.length < 2) return found;
  const scale = Math.sqrt(2 / Math.max(1, volume(weight.shape.slice(1))));
  for (let at = 0; at < size; at++) found[at] = scale * normal();
  return found;
}

/** Normal numbers, always the same for a seed (Box and Muller over a 32-bit mixer). */
function normals(seed: number): () => number {
  let state = (seed ^ 0x9e3779b9) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
