// What a unit reads in every layer before it and in the input, and which later units read it.

import type { Net, Read } from "./document.ts";

/** First and last index along an axis, inclusive. */
export type Ends = readonly [number, number];
/** One for each axis of a tensor `c h w`; null where nothing is read. */
export type Box = readonly Ends[];

const clipped = (first: number, last: number, size: number): Ends | null => {
  const ends: Ends = [Math.max(0, first), Math.min(size - 1, last)];
  return ends[0] > ends[1] ? null : ends;
};

const blocks = (read: Extract<Read, { kind: "blocks" }>, o: number): Ends => {
  const run = Math.floor(o / read.run);
  const first = (read.turn === null ? run : run % read.turn) * read.step + read.shift;
  return [first, first + read.width - 1];
};

/** The input indices that some outputs read. */
export function pull(read: Read, [first, last]: Ends): Ends | null {
  if (read.kind === "all") return [0, read.size - 1];
  if (read.kind === "window") {
    const reach = read.dilation * (read.kernel - 1);
    const from = Math.ceil((read.stride * first - read.lo) / read.up);
    const to = Math.floor((read.stride * last - read.lo + reach) / read.up);
    if (read.edge === "wrap" && (from < 0 || to >= read.size)) return [0, read.size - 1];
    return read.edge === "clamp" || read.edge === "reflect"
      ? [Math.min(Math.max(from, 0), read.size - 1), Math.max(Math.min(to, read.size - 1), 0)]
      : clipped(from, to, read.size);
  }
  let low = Infinity, high = -Infinity;
  for (let o = first; o <= last; o++) {
    const [a, b] = read.kind === "table" ? [read.first[o], read.last[o]] : blocks(read, o);
    if (a > b) continue;
    low = Math.min(low, a);
    high = Math.max(high, b);
  }
  return low > high ? null : clipped(low, high, read.size);
}

/** The output indices that read some inputs. */
export function push(read: Read, [first, last]: Ends, extent: number): Ends | null {
  if (read.kind === "all") return [0, read.extent - 1];
  if (read.kind === "window") {
    const reach = read.dilation * (read.kernel - 1);
    return clipped(
      Math.ceil((first * read.up + read.lo - reach) / read.stride),
      Math.floor((last * read.up + read.lo) / read.stride),
      extent,
    );
  }
  let low = Infinity, high = -Infinity;
  for (let o = 0; o < read.extent; o++) {
    const [a, b] = read.kind === "table" ? [read.first[o], read.last[o]] : blocks(read, o);
    if (a > last || b < first || a > b) continue;
    low = Math.min(low, o);
    high = Math.max(high, o);
  }
  return low > high ? null : [low, high];
}

const joined = (a: Box | undefined, b: Box): Box =>
  a ? a.map((ends, i): Ends => [Math.min(ends[0], b[i][0]), Math.max(ends[1], b[i][1])]) : b;

/** Whether an input has lost its positions while another has them, as the gate of a squeeze-excite. */
function gates(net: Net, reads: readonly (readonly number[])[], at: number): boolean {
  const placed = (axes: readonly number[]) => axes.slice(1).some((one) => net.reads[one].size > 1);
  return !placed(reads[at]) && reads.some(placed);
}

/** The box of a unit: all channels at a position. */
export function unitBox(shape: readonly number[], unit: readonly number[]): Box {
  const spatial = shape.length - 1;
  return shape.map((size, axis): Ends => {
    if (axis === 0) return [0, size - 1];
    const at = spatial === 1 ? unit[unit.length - 1] : unit[unit.length - spatial + axis - 1] ?? size >> 1;
    const index = Math.min(size - 1, Math.max(0, at));
    return [index, index];
  });
}

/** What a unit reads, by the names of layers and inputs; the layer itself is in it. */
export function reach(net: Net, layer: string, unit: readonly number[]): Map<string, Box> {
  const found = new Map<string, Box>();
  const start = net.layers.findIndex((one) => one.name === layer);
  if (start < 0) return found;
  found.set(layer, unitBox(net.layers[start].out, unit));
  for (let i = start; i >= 0; i--) {
    const { name, inputs, reads } = net.layers[i];
    const box = found.get(name);
    if (!box) continue;
    inputs.forEach((input, k) => {
      if (inputs.length > 1 && gates(net, reads, k)) return;
      const pulled = reads[k].map((at) => pull(net.reads[at], box[net.reads[at].follows]));
      if (pulled.every((ends): ends is Ends => ends !== null)) found.set(input, joined(found.get(input), pulled));
    });
  }
  return found;
}

/** Which units of later layers read a unit, by name. */
export function readers(net: Net, layer: string, unit: readonly number[]): Map<string, Box> {
  const found = new Map<string, Box>();
  const start = net.layers.findIndex((one) => one.name === layer);
  if (start < 0) return found;
  found.set(layer, unitBox(net.layers[start].out, unit));
  for (let i = start + 1; i < net.layers.length; i++) {
    const { name, inputs, reads, out } = net.layers[i];
    inputs.forEach((input, k) => {
      const box = found.get(input);
      if (!box || (inputs.length > 1 && gates(net, reads, k))) return;
      const pushed: (Ends | null)[] = out.map((size): Ends => [0, size - 1]);
      reads[k].forEach((at, axis) => {
        const read = net.reads[at];
        pushed[read.follows] = push(read, box[axis], out[read.follows]);
      });
      if (pushed.every((ends): ends is Ends => ends !== null)) found.set(name, joined(found.get(name), pushed));
    });
  }
  found.delete(layer);
  return found;
}
