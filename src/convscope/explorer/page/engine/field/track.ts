/** The state of the units of a layer along one axis of the image: boxes, and their closed form. */

import type { Indices } from "../indices.ts";
import type { Box, Boxes } from "./boxes.ts";
import { alike, eachOnce, NOTHING, united } from "./boxes.ts";
import type { Line } from "./line.ts";
import { aroundBoxes, met } from "./line.ts";

export interface Track {
  /** The axis of the layer along which the units lie; null if all units see the same, or nothing. */
  readonly axis: number | null;
  /** The boxes of every unit, or of one that stands for all if `axis` is null. */
  readonly boxes: Boxes;
  readonly line: Line | null;
  /** Whether the boxes are in the order of the units. */
  readonly ordered: boolean;
  /** False if boxes are upper bounds because axes depend on each other. */
  readonly exact: boolean;
  /** Whether the channels of a position may see different pixels. */
  readonly mixed: boolean;
  /** Whether an earlier layer could not be inspected, so that it may have lost the position. */
  readonly unknown: boolean;
  /** Groups of channels that see the same, with what they see, if that is known and channels are dropped later. */
  readonly shares: readonly Share[];
}

/** Some channels, and what they see. */
export type Share = readonly [Indices, Track];

/** A track for each spatial axis of the image. */
export type Tracks = readonly Track[];

export function makeTrack(axis: number | null, boxes: Boxes, line: Line | null, flags: Partial<Track> = {}): Track {
  return { axis, boxes, line, ordered: true, exact: true, mixed: false, unknown: false, shares: [], ...flags };
}

/** The track of a layer that sees nothing of the image. */
export const BLIND: Track = makeTrack(null, alike(1, NOTHING, 1), null);

/** A track whose units all see one box. */
function oneBox(box: Box, pixels: number, exact: boolean): Track {
  return makeTrack(null, alike(1, box, pixels), null, { exact });
}

/** The track if every unit sees what any unit saw. */
export function seenWhole(track: Track): Track {
  return oneBox(track.boxes.hull, track.boxes.pixels, track.exact);
}

/** The track if every unit along the axis of another track sees what any unit saw. */
export function spread(track: Track, like: Track): Track {
  const boxes = alike(like.boxes.size, track.boxes.hull, like.boxes.pixels);
  return makeTrack(like.axis, boxes, null, { exact: track.exact });
}

/**
 * Joins paths. A path that has its position along another axis only leaves the position here to the others.
 *
 * With gates, or after a layer that cannot be inspected, the position is lost if any path has lost it.
 */
export function merged(tracks: readonly Track[], gates: boolean): Track {
  const placed = tracks.filter((track) => track.axis !== null);
  const exact = tracks.every((track) => track.exact);
  const lost = placed.length < tracks.length && (gates || tracks.some((track) => track.unknown));
  if (!placed.length || lost) {
    const pixels = Math.max(...tracks.map((track) => track.boxes.pixels));
    return oneBox(aroundBoxes(tracks.map((track) => track.boxes.hull)), pixels, exact);
  }
  const like = placed[0];
  const every = tracks.map((track) => (track.axis !== null ? track : spread(track, like)));
  if (!every.every((track) => track.ordered)) {
    return { ...listed(every), axis: like.axis, ordered: false, exact };
  }
  const line = met(every.map((track) => track.line));
  return makeTrack(like.axis, united(every.map((track) => track.boxes)), line, { exact });
}

/** The distinct boxes of all units of all paths, unordered. */
export function listed(tracks: readonly Track[]): Track {
  const boxes = [...new Set(tracks.map((track) => track.boxes))];
  const found = boxes.length === 1 ? boxes[0] : eachOnce(boxes);
  return makeTrack(null, found, null, { ordered: false });
}
