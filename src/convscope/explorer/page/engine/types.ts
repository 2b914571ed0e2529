/** The document as the engine reads it: the same types, which nothing here changes. */

import type * as document from "../document.ts";

/** A type whose values are left as they are, to any depth. */
type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** Channels first, no batch axis: `c h w`. */
export type Shape = readonly number[];

export type AxisField = Frozen<document.AxisField>;
export type Blocks = Frozen<document.Blocks>;
export type Input = Frozen<document.Input>;
export type Layer = Frozen<document.Layer>;
export type Net = Frozen<document.Net>;
export type Output = Frozen<document.Output>;
export type Peak = Frozen<document.Peak>;
export type Read = Frozen<document.Read>;
export type Totals = Frozen<document.Totals>;
export type Weight = Frozen<document.Weight>;
