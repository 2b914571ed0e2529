/** Vectors that Python wrote: nets with their layers, boxes of units, and values. One JSON a line. */

import { eachRead } from "../axis.ts";
import type { AxisRead } from "../axis.ts";
import type { Graph } from "../graph.ts";
import type { AxisField, Input, Net, Output, Peak, Shape } from "../types.ts";

/** A read with what each output reads. */
export interface PulledRead {
  readonly kind: string;
  readonly follows: number;
  readonly size: number;
  readonly pulled: readonly (readonly number[])[];
}

export interface VectorLayer {
  readonly name: string;
  readonly op: string;
  readonly text: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly inputs: readonly string[];
  readonly out: Shape;
  readonly params: number;
  readonly macs: number;
  readonly bytes: number;
  readonly live: number;
  readonly rf: readonly AxisField[];
  readonly gated: readonly AxisField[] | null;
  readonly reads: readonly (readonly PulledRead[])[];
  readonly statistics: readonly PulledRead[];
  readonly hull: string;
  readonly pointwise: boolean;
  readonly weights: readonly (readonly [string, readonly number[], boolean, string])[];
}

export interface UnitBox {
  readonly layer: string;
  readonly at: readonly number[];
  readonly gates: boolean;
  readonly box: readonly (readonly [number, number])[] | null;
  readonly pixels: number;
  /** The effective field, of some of them. */
  readonly heat?: readonly number[];
  readonly std?: readonly number[];
  readonly on_image?: number;
  readonly exact?: boolean;
}

export interface Vector {
  readonly name: string;
  /** The net as Python writes it. */
  readonly text: string;
  /** The text from which Python read it, if that is another one. */
  readonly source?: string;
  readonly inputs: readonly Input[];
  readonly of: string;
  readonly outputs: readonly Output[];
  readonly layers: readonly VectorLayer[];
  readonly totals: { readonly params: number; readonly macs: number; readonly bytes: number };
  readonly peak: Peak;
  readonly boxes: readonly UnitBox[];
  readonly given?: Readonly<Record<string, string>>;
  readonly weights?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly values?: Readonly<Record<string, string>>;
  /** Images of the net's input, one after the other, and its outputs. */
  readonly digits?: string;
  readonly logits?: string;
}

const path = Deno.env.get("CONVSCOPE_VECTORS");
const lines = path ? Deno.readTextFileSync(path).trimEnd().split("\n") : [];

/** Whether there are vectors; the tests of Python make them. */
export const present = lines.length > 0;

/** Whether each op of the notation merges paths. */
export const keywords: Readonly<Record<string, boolean>> = present ? JSON.parse(lines[0]).ops : {};

/** A text that is not in the notation, and Python's error. */
export interface Mistake {
  readonly text: string;
  readonly what: string;
  readonly place: readonly number[];
  readonly expected: string;
  readonly attempt: string;
}

export const mistakes: readonly Mistake[] = present ? JSON.parse(lines[0]).mistakes : [];

/** A net as its document has it, with ops that the engine does not name. */
export interface UnnamedNet {
  readonly text: string;
  readonly net: Net;
  readonly boxes: readonly UnitBox[];
  /** The reads of each layer. */
  readonly reads: readonly (readonly (readonly PulledRead[])[])[];
}

export const documents: readonly UnnamedNet[] = present ? JSON.parse(lines[0]).documents : [];

export const vectors: readonly Vector[] = lines.slice(1).map((line) => JSON.parse(line));

/** The float32 values of a base64 text. */
export function unpacked(text: string): Float32Array {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  return new Float32Array(bytes.buffer);
}

export function graphOfVector({ inputs, layers, outputs }: Vector): Graph {
  return { inputs, outputs, nodes: layers.map(({ name, op, settings, inputs }) => ({ name, op, settings, inputs })) };
}

/** What each output reads, once each and in order. */
export function pulled({ follows, relation }: AxisRead): PulledRead {
  const each = Array.from({ length: relation.extent }, (_, o) => {
    const found = new Set<number>();
    eachRead(relation, o, (index) => found.add(index));
    return [...found].sort((a, b) => a - b);
  });
  return { kind: relation.kind, follows, size: relation.size, pulled: each };
}
