/** The receptive field of every layer in closed form, from its tracks. */

import type { AxisRead, Relation } from "../axis.ts";
import { ceilDiv, fraction } from "../numbers.ts";
import type { AxisField, Input } from "../types.ts";
import { strideOf } from "./line.ts";
import type { Traced } from "./trace.ts";
import { blindTracks, dropsChannels, hasGates, imageTracks, placed, Tracer } from "./trace.ts";
import type { Track, Tracks } from "./track.ts";

/** The field of a layer, local and with gates. */
export interface Fields {
  readonly rf: readonly AxisField[];
  /** Null if gates change nothing. */
  readonly gated: readonly AxisField[] | null;
}

/** The input on which pixels are counted: the first of those with the most spatial axes. */
export function imageOf(inputs: readonly Input[]): Input {
  const most = Math.max(...inputs.map((one) => one.shape.length));
  return inputs.find((one) => one.shape.length === most) as Input;
}

/** The field of every layer by name, in pixels of an input; null where it is unknown. */
export function fieldsOf(
  inputs: readonly Input[],
  image: Input,
  layers: ReadonlyMap<string, Traced | null>,
): Map<string, Fields | null> {
  if ([...layers.values()].every((layer) => !layer)) return new Map();
  const drops = [...layers.values()].some((one) => one?.reads.some((reads) => dropsChannels(reads[0].relation)));
  const [local, gates] = traced(inputs, image, layers, new Tracer(false, image.shape, drops));
  const gated = gates ? traced(inputs, image, layers, new Tracer(true, image.shape, drops))[0] : null;
  const found = new Map<string, Fields | null>();
  for (const [name, layer] of layers) {
    const mine = local.get(name), other = gated?.get(name);
    const known = mine && layer && (!gated || other);
    const rf = known ? summaries(mine, layer, local) : null;
    found.set(name, rf && { rf, gated: other && layer ? differing(rf, summaries(other, layer, gated)) : null });
  }
  return found;
}

const placings = new WeakMap<object, Map<string, number[]>>();

/** A net as the fields need it. */
interface Whole {
  readonly inputs: readonly Input[];
  readonly image: Input;
  readonly traced: ReadonlyMap<string, Traced | null>;
}

/** For each merge, the inputs that keep their position, which the local field follows; all inputs where that is unknown. */
export function placedInputs(net: Whole): Map<string, number[]> {
  let found = placings.get(net);
  if (!found) {
    const [local] = traced(net.inputs, net.image, net.traced, new Tracer(false, net.image.shape, false));
    found = new Map();
    for (const [name, layer] of net.traced) {
      const before = layer?.inputs.map((input) => local.get(input) ?? null) ?? [];
      const known = before.filter((one) => one !== null);
      if (layer?.merges && known.length === before.length) found.set(name, placed(layer, known));
    }
    placings.set(net, found);
  }
  return found;
}

type AllTracks = ReadonlyMap<string, Tracks | null>;

function traced(
  inputs: readonly Input[],
  image: Input,
  layers: ReadonlyMap<string, Traced | null>,
  tracer: Tracer,
): [Map<string, Tracks | null>, boolean] {
  const tracks = new Map<string, Tracks | null>();
  for (const one of inputs) tracks.set(one.name, one === image ? imageTracks(one.shape) : blindTracks(image.shape));
  let gates = false;
  for (const [name, layer] of layers) {
    const before = layer?.inputs.map((input) => tracks.get(input) ?? null) ?? [];
    tracks.set(name, layer && tracer.layer(layer, before));
    const known = before.filter((one) => one !== null);
    gates ||= Boolean(layer) && known.length === before.length && hasGates(layer as Traced, known);
  }
  return [tracks, gates];
}

function differing(rf: readonly AxisField[], gated: readonly AxisField[] | null): readonly AxisField[] | null {
  return JSON.stringify(rf) === JSON.stringify(gated) ? null : gated;
}

function summaries(tracks: Tracks, layer: Traced, all: AllTracks | null): AxisField[] {
  const before = layer.inputs.map((input) => all?.get(input) ?? []);
  return tracks.map((track, at) => summary(track, localOf(layer.reads, before.map((one) => one[at]))));
}

/** How many units of the previous layer a unit reads along an axis; null if units do not lie along it. */
function localOf(reads: readonly (readonly AxisRead[])[], before: readonly (Track | undefined)[]): number | null {
  let found: number | null = null;
  before.forEach((track, at) => {
    if (!track || track.axis === null || !track.ordered) return;
    found = Math.max(found ?? 0, widthOf(reads[at][track.axis].relation));
  });
  return found;
}

function widthOf(relation: Relation): number {
  if (relation.kind === "window") return ceilDiv(relation.span, relation.up);
  return relation.kind === "table" ? relation.width : relation.size;
}

const NO_FIELD: AxisField = {
  size: 0,
  local: null,
  stride: null,
  start: null,
  centre: null,
  phases: null,
  exact: true,
  seams: false,
};

function summary(track: Track, local: number | null): AxisField {
  const { boxes, line, exact, ordered } = track;
  if (boxes.blind && !line) return NO_FIELD;
  if (line) {
    const [first, last] = line.phases[0];
    const size = Math.max(...line.phases.map(([low, high]) => high - low + 1));
    const centre = fraction(first + Math.max(first, last), 2);
    const seams = line.seams, phases = line.phases.length > 1 ? line.phases : null;
    const place = { size, local, stride: strideOf(line), start: first, centre, phases };
    return { ...place, exact: exact && !seams, seams: exact && seams };
  }
  const [start, end] = boxes.box(0);
  const bare = { ...NO_FIELD, size: boxes.longest, local, exact };
  return ordered && start <= end ? { ...bare, start, centre: fraction(start + end, 2) } : bare;
}
