/**
 * Convolution from its reads alone: strided, dilated, grouped, padded, transposed, 1-d to 3-d.
 *
 * Outputs whose windows begin at the same filling zero form a phase; there is one phase without stretching. In a phase, a
 * tap meets the input at a fixed distance, so every output is a sum over a list of distances. Four output channels and
 * two neighbours are summed at a time, which keeps eight sums in registers.
 */

import { firstTap, tapStep } from "../axis.ts";
import type { Window } from "../axis.ts";
import { div, gcd } from "../numbers.ts";
import type { Call } from "./call.ts";
import { three, threeRelations } from "./places.ts";

/** Which weight is that of an output channel, a channel of its group, and a tap of the window. */
export type WeightIndex = (out: number, channel: number, tap: number) => number;

/** The outputs of one axis with one phase. */
interface AxisPhase {
  readonly first: number;
  readonly count: number;
  /** Taps that meet the input, and where output `first` meets it with each. */
  readonly taps: readonly number[];
  readonly places: readonly number[];
}

interface Phase {
  readonly axes: readonly [AxisPhase, AxisPhase, AxisPhase];
  /** Distances in the padded input, for each channel of a group and tap. */
  readonly offsets: Int32Array;
  readonly taps: Int32Array;
  readonly weights: Float32Array;
}

/** The geometry of a layer. */
interface Plan {
  readonly phases: readonly Phase[];
  /** Steps of the outputs of a phase, and what the input advances by one of them. */
  readonly periods: readonly number[];
  readonly steps: readonly number[];
  /** Padding before each axis, and the sizes of the padded input. */
  readonly before: readonly number[];
  readonly sizes: readonly number[];
  /** The padded input; null if nothing lies beyond the input. */
  readonly padded: Float32Array | null;
  version: number;
}

/** Fills the output; the bias is added if there is one. */
export function convolve(call: Call, groups: number, index: WeightIndex): void {
  const plan = call.memo("plan", () => planned(call, groups));
  if (plan.version !== call.version) pack(plan, call, groups, index);
  plan.version = call.version;
  const input = plan.padded ? pad(plan, plan.padded, call) : call.inputs[0].data;
  for (const phase of plan.phases) run(plan, phase, input, call, groups);
}

function planned(call: Call, groups: number): Plan {
  const windows = threeRelations(call.reads[0]) as [Window, Window, Window];
  const periods = windows.map(({ up, stride }) => up / gcd(stride, up));
  const steps = windows.map(({ up, stride }, axis) => stride * periods[axis] / up);
  const axes = windows.map((window, axis) => axisPhases(window, periods[axis]));
  const sizes = three(call.inputs[0].shape);
  const reach = axes.map((phases, axis) => reachOf(phases, steps[axis], sizes[axis]));
  const before = reach.map(([low]) => -low), padded = reach.map(([low, high]) => high - low + 1);
  const channels = call.inputs[0].shape[0];
  const volume = channels * padded[0] * padded[1] * padded[2];
  const needed = reach.some(([low, high], axis) => low < 0 || high >= sizes[axis]);
  const width = channels / groups, outs = call.output.shape[0];
  const phases: Phase[] = [];
  for (const z of axes[0]) {
    for (const y of axes[1]) {
      for (const x of axes[2]) phases.push(phaseOf([z, y, x], windows, width, outs, before, padded));
    }
  }
  return {
    phases,
    periods,
    steps,
    before,
    sizes: padded,
    padded: needed ? new Float32Array(volume) : null,
    version: -1,
  };
}

function axisPhases(window: Window, period: number): AxisPhase[] {
  const found: AxisPhase[] = [];
  for (let first = 0; first < Math.min(period, window.extent); first++) {
    const start = window.stride * first - window.lo, taps: number[] = [], places: number[] = [];
    const tap = firstTap(window, start), step = tapStep(window);
    for (let t = tap; tap >= 0 && t < window.kernel; t += step) {
      taps.push(t);
      places.push((start + window.dilation * t) / window.up);
    }
    found.push({ first, count: div(window.extent - 1 - first, period) + 1, taps, places });
  }
  return found;
}

/** The first and the last position along an axis that are met, those of the input included. */
function reachOf(phases: readonly AxisPhase[], step: number, size: number): [number, number] {
  let low = 0, high = size - 1;
  for (const { places, count } of phases) {
    for (const place of places) {
      low = Math.min(low, place);
      high = Math.max(high, place + (count - 1) * step);
    }
  }
  return [low, high];
}

function phaseOf(
  axes: [AxisPhase, AxisPhase, AxisPhase],
  windows: readonly Window[],
  width: number,
  outs: number,
  before: readonly number[],
  sizes: readonly number[],
): Phase {
  const [z, y, x] = axes, each = z.taps.length * y.taps.length * x.taps.length;
  const offsets = new Int32Array(width * each), taps = new Int32Array(width * each);
  let at = 0;
  for (let channel = 0; channel < width; channel++) {
    for (let i = 0; i < z.taps.length; i++) {
      for (let j = 0; j < y.taps.length; j++) {
        const row = (channel * sizes[0] + z.places[i] + before[0]) * sizes[1] + y.places[j] + before[1];
        for (let k = 0; k < x.taps.length; k++) {
          offsets[at] = row * sizes[2] + x.places[k] + before[2];
          taps[at++] = (z.taps[i] * windows[1].kernel + y.taps[j]) * windows[2].kernel + x.taps[k];
        }
      }
    }
  }
  return { axes, offsets, taps, weights: new Float32Array(outs * offsets.length) };
}

/** Lays out the weights as they are read: four channels of a group beside each other, the rest one by one. */
function pack(plan: Plan, call: Call, groups: number, index: WeightIndex): void {
  const { weight } = call.weights, outs = call.output.shape[0] / groups;
  for (const { taps, weights, offsets, axes } of plan.phases) {
    const each = axes.reduce((count, axis) => count * axis.taps.length, 1), length = offsets.length;
    let at = 0;
    for (let out = 0; out < call.output.shape[0];) {
      const many = outs - out % outs >= 4 ? 4 : 1;
      for (let k = 0; k < length; k++) {
        const channel = Math.floor(k / each);
        for (let one = 0; one < many; one++) weights[at++] = weight[index(out + one, channel, taps[k])];
      }
      out += many;
    }
  }
}

/** Copies the input into the middle of its padding. */
function pad({ before, sizes }: Plan, padded: Float32Array, call: Call): Float32Array {
  const { shape, data } = call.inputs[0], [depth, height, width] = three(shape);
  let at = 0;
  for (let c = 0; c < shape[0]; c++) {
    for (let z = 0; z < depth; z++) {
      for (let y = 0; y < height; y++, at += width) {
        const row = ((c * sizes[0] + z + before[0]) * sizes[1] + y + before[1]) * sizes[2] + before[2];
        if (width > 32) padded.set(data.subarray(at, at + width), row);
        else for (let x = 0; x < width; x++) padded[row + x] = data[at + x];
      }
    }
  }
  return padded;
}

function run(plan: Plan, phase: Phase, input: Float32Array, call: Call, groups: number): void {
  const { periods, steps, sizes } = plan, [z, y, x] = phase.axes, { bias } = call.weights;
  const [, height, width] = three(call.output.shape), all = call.output.shape[0], outs = all / groups;
  const plane = call.output.data.length / all,
    part = (call.inputs[0].shape[0] / groups) * sizes[0] * sizes[1] * sizes[2];
  const length = phase.offsets.length;
  // rows that follow each other without a gap, before and after, are one long row
  const whole = x.count === sizes[2] && x.count === width && steps[1] === 1 && steps[2] === 1 && y.count === height;
  const rows = whole ? 1 : y.count, columns = whole ? x.count * y.count : x.count;
  let weight = 0;
  for (let out = 0; out < all;) {
    const many = outs - out % outs >= 4 ? 4 : 1, base = Math.floor(out / outs) * part;
    for (let i = 0; i < z.count; i++) {
      for (let j = 0; j < rows; j++) {
        const from = base + (i * steps[0] * sizes[1] + j * steps[1]) * sizes[2];
        const row = (z.first + i * periods[0]) * height + y.first + j * periods[1];
        const to = out * plane + row * width + x.first;
        const sums = many === 4 ? fourByTwo : oneByFour;
        sums(input, phase, weight, length, from, steps[2], call.output.data, to, periods[2], plane, columns, bias, out);
      }
    }
    weight += many * length;
    out += many;
  }
}

/** A row of outputs of four channels, two outputs at a time. */
function fourByTwo(
  input: Float32Array,
  { offsets, weights }: Phase,
  first: number,
  length: number,
  from: number,
  step: number,
  output: Float32Array,
  to: number,
  next: number,
  plane: number,
  columns: number,
  bias: Float32Array | undefined,
  channel: number,
): void {
  const a = bias ? bias[channel] : 0, b = bias ? bias[channel + 1] : 0;
  const c = bias ? bias[channel + 2] : 0, d = bias ? bias[channel + 3] : 0;
  for (let x = 0; x < columns; x += 2) {
    const other = x + 1 < columns ? step : 0;
    let a0 = a, b0 = b, c0 = c, d0 = d, a1 = a, b1 = b, c1 = c, d1 = d;
    for (let k = 0, w = first; k < length; k++, w += 4) {
      const at = from + offsets[k], p = input[at], q = input[at + other];
      const wa = weights[w], wb = weights[w + 1], wc = weights[w + 2], wd = weights[w + 3];
      a0 += wa * p;
      a1 += wa * q;
      b0 += wb * p;
      b1 += wb * q;
      c0 += wc * p;
      c1 += wc * q;
      d0 += wd * p;
      d1 += wd * q;
    }
    output[to] = a0;
    output[to + plane] = b0;
    output[to + 2 * plane] = c0;
    output[to + 3 * plane] = d0;
    if (other) {
      output[to + next] = a1;
      output[to + next + plane] = b1;
      output[to + next + 2 * plane] = c1;
      output[to + next + 3 * plane] = d1;
    }
    from += 2 * step;
    to += 2 * next;
  }
}

/** A row of outputs of one channel, four outputs at a time. */
function oneByFour(
  input: Float32Array,
  { offsets, weights }: Phase,
  first: number,
  length: number,
  from: number,
  step: number,
  output: Float32Array,
  to: number,
  next: number,
  _plane: number,
  columns: number,
  bias: Float32Array | undefined,
  channel: number,
): void {
  const begin = bias ? bias[channel] : 0;
  for (let x = 0; x < columns; x += 4) {
    const rest = columns - x;
    const q = rest > 1 ? step : 0, r = rest > 2 ? 2 * step : 0, s = rest > 3 ? 3 * step : 0;
    let a = begin, b = begin, c = begin, d = begin;
    for (let k = 0; k < length; k++) {
      const at = from + offsets[k], weight = weights[first + k];
      a += weight * input[at];
      b += weight * input[at + q];
      c += weight * input[at + r];
      d += weight * input[at + s];
    }
    output[to] = a;
    if (rest > 1) output[to + next] = b;
    if (rest > 2) output[to + 2 * next] = c;
    if (rest > 3) output[to + 3 * next] = d;
    from += 4 * step;
    to += 4 * next;
  }
}
