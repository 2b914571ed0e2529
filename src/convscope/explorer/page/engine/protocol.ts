/** What the page and the worker say to each other. Each request has a number, and gets one reply with it. */

import type { Graph } from "./graph.ts";
import type { Weights } from "./weights.ts";

export type Request =
  | {
    readonly id: number;
    readonly method: "init";
    readonly graph: Graph;
    readonly weights: Weights;
    readonly draw: boolean;
  }
  | { readonly id: number; readonly method: "edit"; readonly graph: Graph }
  | { readonly id: number; readonly method: "image"; readonly values: Float32Array; readonly input?: string }
  | {
    readonly id: number;
    readonly method: "weight";
    readonly layer: string;
    readonly name: string;
    readonly index: number;
    readonly value: number;
  }
  | {
    readonly id: number;
    readonly method: "replace";
    readonly layer: string;
    readonly name: string;
    readonly values: Float32Array;
  }
  | { readonly id: number; readonly method: "values"; readonly layers: readonly string[] }
  | { readonly id: number; readonly method: "cancel"; readonly request: number };

/** An error as data, with the fields of an EngineError. */
export interface Failure {
  readonly kind: string;
  readonly message: string;
  readonly expected: string;
  readonly attempt: string;
}

export type Reply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: Failure }
  | { readonly id: number; readonly cancelled: true };

/** What starting a net returns: the layers whose weights were drawn at random, since none were given that fit. */
export interface Started {
  readonly drawn: readonly string[];
}
