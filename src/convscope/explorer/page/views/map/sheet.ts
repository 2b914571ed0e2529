// All layers as rows, for those who would rather read than look.

import { fieldText, type Model, strideText } from "../../model.ts";
import { size } from "../../words.ts";
import type { Table } from "../../parts/sheet.tsx";

/** Every layer with its exact numbers. */
export function layerTable(model: Model): Table {
  return {
    columns: ["Layer", "Op", "Output", "Params", "MACs", "Activations [B]", "Live [B]", "RF", "Stride"],
    rows: model.layers.length,
    row(i) {
      const layer = model.layers[i];
      const out = size(layer.out);
      return [
        layer.name,
        layer.text,
        out,
        layer.params ?? "unknown",
        layer.macs ?? "unknown",
        layer.bytes ?? "unknown",
        layer.live ?? "unknown",
        fieldText(layer.rf),
        strideText(layer.rf),
      ];
    },
  };
}
