// What comes after a layer, for the values of one of its channels: batch norm, activations.

import { fitted, OPS } from "../../engine/ops/registry.ts";
import type { Facts } from "../../model.ts";

/** The tensors of a layer by name; null where the document has none. */
export type Tensors = (layer: string) => Readonly<Record<string, Float32Array>> | null;

export interface Stage {
  layer: Facts;
  values: Float32Array;
}

/** The values of one channel after each of some layers, as far as they depend on that channel alone. */
export function stages(layers: readonly Facts[], channel: number, values: Float32Array, tensors: Tensors): Stage[] {
  const found: Stage[] = [];
  for (const layer of layers) {
    const next = after(layer, channel, values, tensors(layer.name));
    if (!next) break;
    found.push({ layer, values: next });
    values = next;
  }
  return found;
}

function after(
  layer: Facts,
  channel: number,
  values: Float32Array,
  tensors: Readonly<Record<string, Float32Array>> | null,
): Float32Array | null {
  const op = OPS.get(layer.op);
  if (!op || !layer.pointwise || ((layer.weights?.length ?? 0) > 0 && !tensors)) return null;
  const weights: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(tensors ?? {})) {
    weights[name] = tensor.length > 1 ? tensor.slice(channel, channel + 1) : tensor;
  }
  const shape = [1, 1, values.length], made = new Float32Array(values.length);
  try {
    op.run(fitted(op, layer.settings, 2), {
      inputs: [{ shape, data: values }],
      output: { shape, data: made },
      reads: op.axes(layer.settings, [shape]),
      weights,
      version: 0,
      memo: (_, make) => make(),
    });
  } catch {
    return null; // its settings are of another shape
  }
  return made;
}
