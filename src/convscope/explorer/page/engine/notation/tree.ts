/** The syntax tree of a text. */

import type { Settings } from "../ops/op.ts";
import type { Input } from "../types.ts";
import type { Place } from "./tokens.ts";

/** One op. An op that the engine does not name has its words instead of settings. */
export interface Call {
  readonly kind: "call";
  readonly op: string;
  readonly settings: Settings;
  readonly text: string;
  readonly place: Place;
  /** The number of input channels, if the text states it. */
  readonly channels?: number;
}

/** A merge of paths. */
export interface Join {
  readonly kind: "join";
  readonly call: Call;
  readonly paths: readonly Series[];
}

/** A repetition of a series. */
export interface Repeat {
  readonly kind: "repeat";
  readonly times: number;
  readonly body: Series;
  readonly place: Place;
}

/** A jump to a labelled node. */
export interface Jump {
  readonly kind: "jump";
  readonly label: string;
  readonly place: Place;
}

export type Element = Call | Join | Repeat | Jump;

/** A sequence of elements; the label names the last. */
export interface Statement {
  readonly elements: readonly Element[];
  readonly label: string;
  readonly place: Place;
}

export type Series = readonly Statement[];

/** An output tensor: its series, and its name. */
export interface Result {
  readonly series: Series;
  readonly name: string;
}

export interface Tree {
  readonly inputs: readonly Input[];
  readonly series: Series;
  /** Empty if the output is that of the last statement. */
  readonly results: readonly Result[];
}
