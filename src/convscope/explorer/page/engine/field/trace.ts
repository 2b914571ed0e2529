/**
 * The pixels that each unit sees along one axis of the image, layer by layer.
 *
 * `boxes` hold what each existing unit sees, borders included; a `line` is the closed form for units anywhere. A linear
 * layer or a global pooling ends the position: every unit sees the same pixels. Flattening keeps the boxes and loses
 * their order. At a merge, the *local* field follows the paths that keep their position; *with gates*, it follows every
 * path, including a squeeze-excite gate and the statistics of a norm.
 */

import { isPlain } from "../axis.ts";
import type { AxisRead, Reads, Relation, Table, Window } from "../axis.ts";
import type { Indices } from "../indices.ts";
import { push, run, union } from "../indices.ts";
import type { Hull } from "../ops/op.ts";
import type { Shape } from "../types.ts";
import { equalBoxes, everyPixel, lookedUp, windowed } from "./boxes.ts";
import type { Boxes } from "./boxes.ts";
import type { Line } from "./line.ts";
import { makeLine, slid, TooFarError, turned } from "./line.ts";
import { joinedMaps, seamAxis } from "./seams.ts";
import type { Share, Track, Tracks } from "./track.ts";
import { BLIND, makeTrack, merged, seenWhole, spread } from "./track.ts";
import { Memory } from "./memory.ts";
import type { Kind } from "./kinds.ts";
import { toldApart } from "./kinds.ts";

/** A layer as the trace sees it. */
export interface Traced {
  readonly inputs: readonly string[];
  readonly shapes: readonly Shape[];
  readonly out: Shape;
  readonly reads: Reads;
  readonly statistics: readonly AxisRead[];
  readonly hull: Hull;
  readonly pointwise: boolean;
  readonly merges: boolean;
  readonly source: boolean;
}

/** A part of a source whose channels see the same: what they see, how they are read, and which they are. */
interface Part {
  readonly track: Track;
  readonly reads: readonly AxisRead[];
  readonly mask: Indices;
}

function partsOf(track: Track, reads: readonly AxisRead[]): Part[] {
  const whole: Share = [run(0, reads[0].relation.size - 1), track];
  return (track.shares.length ? track.shares : [whole]).map(([mask, part]) => ({ track: part, reads, mask }));
}

/** The most units whose boxes are listed for a net. */
const MOST_UNITS = 2 ** 23;

/** Thrown for reads of which too little is known; the field is then unknown. */
export class UnknownReadError extends Error {}

/** Tables with more inputs are those of flattened maps. */
const MANY_CHANNELS = 2 ** 16;

type Source = readonly [Track, readonly AxisRead[]];

/** The tracks of an image itself. */
export function imageTracks(shape: Shape): Tracks {
  const line = makeLine(1, [[0, 0]]), known = new Map<number, Boxes>();
  return shape.slice(1).map((size, axis) => {
    const boxes = known.get(size) ?? everyPixel(size);
    known.set(size, boxes);
    return makeTrack(axis + 1, boxes, line);
  });
}

/** The tracks of an input on which no pixels are counted. */
export function blindTracks(shape: Shape): Tracks {
  return shape.slice(1).map(() => BLIND);
}

/** Propagates states through layers; what one axis gives serves other axes and layers of equal geometry. */
export class Tracer {
  private readonly known = new Memory();
  private units = 0;

  /** `drops`: whether some layer of the net leaves out channels, so that channels may see different pixels. */
  constructor(readonly gates: boolean, readonly image: Shape, private readonly drops: boolean) {}

  /** The state of a layer from those of its inputs; null if it is unknown. */
  layer(layer: Traced, before: readonly (Tracks | null)[]): Tracks | null {
    if (layer.source) return blindTracks(this.image);
    const known = before.filter((one) => one !== null);
    if (known.length < before.length) return null;
    if (layer.pointwise) return known[0];
    try {
      return this.joinedLayer(layer, known).map((track) => this.known.canonical(track));
    } catch (error) {
      if (error instanceof TooFarError || error instanceof UnknownReadError) return null;
      throw error;
    }
  }

  private joinedLayer(layer: Traced, before: readonly Tracks[]): Tracks {
    const kept = layer.merges && !this.gates ? placed(layer, before) : before.map((_, at) => at);
    const along = layer.merges ? seamAxis(layer.reads, layer.out) : null;
    let found = this.image.slice(1).map((pixels, at) => {
      if (along === null) return this.axis(layer, before.map((one) => one[at]), kept);
      const seen = before.map((one, number) => (kept.includes(number) ? one[at] : BLIND));
      return joinedMaps(seen, layer.shapes.map((shape) => shape[along]), along, pixels);
    });
    const met = kept.map((number) => before[number]).filter((tracks) => !isBlind(tracks));
    // a path that sees no column at a unit adds no row there either, which boxes along one axis cannot express
    if (along === null && met.length > 1 && met.some(isTorn)) {
      found = found.map((track) => ({ ...track, exact: false }));
    }
    const blind = found.filter((track) => track.boxes.blind).length;
    return blind && blind < found.length ? blindTracks(this.image) : found;
  }

  private axis(layer: Traced, before: readonly Track[], kept: readonly number[]): Track {
    let sources: Source[] = kept.map((at) => [before[at], layer.reads[at]]);
    if (this.gates && layer.statistics.length) sources.push([before[0], layer.statistics]);
    if (sources.length > 1) sources = sources.filter(([track]) => !track.boxes.blind);
    if (!sources.length) return BLIND;
    const apart = layer.merges || sources.some(([track]) => track.shares.length);
    return this.drops && apart ? this.byChannels(layer, sources) : this.joined(layer, sources);
  }

  /** The state of a layer whose channels may see different pixels, since they read different channels. */
  private byChannels(layer: Traced, sources: readonly Source[]): Track {
    const channels = layer.out[0], through = !layer.hull, all = run(0, channels - 1);
    const parts = sources.flatMap(([track, reads], whose) => partsOf(track, reads).map((part) => ({ ...part, whose })));
    const rows = parts.map(({ reads, mask }) => {
      return through && reads[0].follows === 0 ? push(reads[0].relation, mask) : all;
    });
    const used = parts.filter((_, at) => rows[at]);
    if (!used.length) return BLIND;
    const found = this.joined(layer, used.map(({ track, reads }) => [{ ...track, shares: [] }, reads]));
    const kinds = toldApart(rows, channels);
    // channels that are exact individually need not be exact together, unless only one kind is read
    const several = (whose: number) => used.filter((one) => one.whose === whose).length > 1;
    const together = used.every(({ whose }) => !several(whose) || sources[whose][0].exact);
    if (kinds.length === 1 || !through) {
      const exact = found.exact && together && (through || parts.length === sources.length);
      return { ...found, exact, mixed: !through };
    }
    const shares = this.parted(layer, parts.map(({ track, reads }): Source => [track, reads]), kinds);
    const exact = together && shares.every(([, part]) => part.exact);
    const alone = shares.length === 1 && kinds.every(({ rows }) => rows.some(Boolean));
    return { ...found, exact, mixed: false, shares: alone ? [] : shares };
  }

  /** What each kind of channel sees; kinds that see the same are merged. */
  private parted(layer: Traced, parts: readonly Source[], kinds: readonly Kind[]): Share[] {
    const found = new Map<string, Share>();
    for (const { rows, channels } of kinds) {
      const mine = parts.filter((_, at) => rows[at]);
      if (!mine.length) continue;
      const part = this.joined(layer, mine), key = `${this.number(part.boxes)},${part.line && this.number(part.line)}`;
      const before = found.get(key);
      found.set(key, [before ? union(before[0], channels) : channels, part]);
    }
    return [...found.values()];
  }

  private joined(layer: Traced, sources: readonly Source[]): Track {
    let after = sources.map(([track, reads]) => this.after(track, reads));
    if (new Set(after.map((track) => track.axis)).size > 1) after = onOneAxis(after, layer.out.length > 1);
    const found = after.length === 1 ? after[0] : this.merge(after);
    const [exact, mixed] = channelsOf(layer, after, sources.map(([, reads]) => reads[0].relation));
    const unknown = layer.hull === "unknown" || sources.some(([track]) => track.unknown);
    return { ...found, exact: found.exact && exact, mixed, unknown, shares: [] };
  }

  /** The state after one read of a layer. */
  private after(track: Track, reads: readonly AxisRead[]): Track {
    if (track.axis === null) return track;
    const { relation, follows } = reads[track.axis];
    if (relation.kind === "all") return seenWhole(track);
    if (relation.kind === "table" && relation.turn === undefined) throw new UnknownReadError();
    if (!track.ordered || (relation.kind === "table" && follows === 0 && !relation.turn)) {
      return unordered(track, relation, follows);
    }
    if (isPlain(relation)) return makeTrack(follows, track.boxes, track.line, pick(track));
    if (relation.kind === "table") return this.afterTable(track, relation, follows);
    const line = track.line && this.once(track.line, relation.key, () => slid(track.line as Line, relation));
    const boxes = this.once(track.boxes, relation.key, () => windowed(track.boxes, this.counted(relation)));
    return makeTrack(follows, boxes, line, { exact: track.exact });
  }

  private afterTable(track: Track, table: Table, follows: number): Track {
    const before = table.turn ? track.line : null;
    const line = before && this.once(before, table.key, () => turned(before, table));
    const boxes = this.once(track.boxes, table.key, () => lookedUp(track.boxes, this.counted(table)));
    return makeTrack(follows, boxes, line, { exact: track.exact });
  }

  /** Counts the units that are listed. */
  private counted<T extends Relation>(relation: T): T {
    this.units += relation.extent;
    if (this.units > MOST_UNITS) throw new UnknownReadError();
    return relation;
  }

  /** Joins paths, once for all axes on which they are equal. */
  private merge(tracks: readonly Track[]): Track {
    const key = tracks.map((
      track,
    ) => [
      this.number(track.boxes),
      track.line && this.number(track.line),
      track.axis === null,
      track.ordered,
      track.exact,
    ]).join();
    const found = this.once(tracks[0].boxes, key, () => merged(tracks, this.gates));
    const axis = tracks.find((track) => track.axis !== null)?.axis ?? null;
    return found.axis === null || found.axis === axis ? found : { ...found, axis };
  }

  private once<T>(source: object, how: string, work: () => T): T {
    return this.known.once(source, how, work);
  }

  private number(one: object): number {
    return this.known.number(one);
  }
}

function pick(track: Track): Partial<Track> {
  const { ordered, exact, mixed, unknown, shares } = track;
  return { ordered, exact, mixed, unknown, shares };
}

/** Whether gates can change a field: a norm over a map, or a merge with a path that has lost its position. */
export function hasGates(layer: Traced, before: readonly Tracks[]): boolean {
  if (layer.statistics.length) return true;
  if (!layer.merges) return false;
  return new Set(positions(layer, before).filter((one) => one !== null)).size > 1;
}

/** The inputs that keep their position along every axis after the layer's reads; all if none does. */
export function placed(layer: Traced, before: readonly Tracks[]): number[] {
  const found = positions(layer, before);
  const some = found.some(Boolean);
  return found.flatMap((position, at) => (position || !some ? [at] : []));
}

/** Whether each input keeps its position along every axis; null for an input that sees nothing. */
function positions(layer: Traced, before: readonly Tracks[]): (boolean | null)[] {
  const spatial = layer.out.length > 1;
  return before.map((tracks, at) => {
    if (tracks.length && isBlind(tracks)) return null;
    if (tracks.some((track) => track.unknown)) return true;
    return tracks.every((track) => track.axis !== null && stays(layer.reads[at][track.axis], spatial));
  });
}

function stays(read: AxisRead, spatial: boolean): boolean {
  return read.relation.kind !== "all" && (read.follows > 0 || !spatial);
}

function isBlind(tracks: Tracks): boolean {
  return tracks.every((track) => track.boxes.blind);
}

/** Whether some unit sees nothing along one axis of the image and something along another. */
function isTorn(tracks: Tracks): boolean {
  const torn = [...new Set(tracks.map((track) => track.boxes).filter((boxes) => boxes.gaps))];
  if (!torn.length) return false;
  if (!tracks.every((track) => track.boxes.gaps) || new Set(tracks.map((track) => track.axis)).size > 1) return true;
  const gap = (boxes: Boxes, unit: number) => boxes.last[unit] < boxes.first[unit];
  const other = (boxes: Boxes) => boxes.first.some((_, unit) => gap(boxes, unit) !== gap(torn[0], unit));
  return torn.slice(1).some(other);
}

/** Whether the boxes of all channels together stay exact, and whether channels see different pixels. */
function channelsOf(layer: Traced, paths: readonly Track[], reads: readonly Relation[]): [boolean, boolean] {
  const before = paths.some((path) => path.mixed);
  if (!before && !layer.hull && !layer.merges) return [true, false];
  const differ = paths.some((path) => !equalBoxes(path.boxes, paths[0].boxes));
  const parts = reads.some((read) => read.kind === "table") && differ;
  const mixed = Boolean(layer.hull) || parts || (before && !reads.every((read) => read.kind === "all"));
  const bound = layer.hull === "positions" || layer.hull === "unknown";
  return [!bound && !(before && (layer.hull !== "" || reads.some(dropsChannels))), mixed];
}

/** Whether some channels of the input are read by none. */
export function dropsChannels(relation: Relation): boolean {
  if (relation.kind === "table") {
    const { width, extent, size } = relation;
    return width === 1 && extent < size && size <= MANY_CHANNELS && !relation.turn;
  }
  if (relation.kind === "all") return false;
  return Math.min(relation.lo, relation.hi) < 0 || relation.stride > relation.kernel;
}

/** Joins paths whose positions lie along different axes of the layer; all but the first axis are seen in full. */
function onOneAxis(tracks: readonly Track[], spatial: boolean): Track[] {
  const first = tracks.find((track) => track.axis || (track.axis === 0 && !spatial));
  return tracks.map((track) => {
    if (!first || track.axis === first.axis || track.axis === null) return track;
    return track.axis === 0 ? seenWhole(track) : { ...spread(track, first), exact: false };
  });
}

/** Keeps unordered boxes if units are passed on one by one; otherwise the hull is a bound. */
function unordered(track: Track, relation: Window | Table, axis: number): Track {
  const single = (relation.kind === "table" ? relation.width : relation.kernel) === 1;
  let found = single ? track : { ...seenWhole(track), exact: false };
  if (relation.kind === "window" && dropsChannels(relation) && track.boxes.size > 1) found = { ...found, exact: false };
  return makeTrack(axis, found.boxes, null, { ordered: false, exact: found.exact });
}
