// Kernels by name, and kernels as a reader writes them.

export interface Preset {
  id: string;
  name: string;
  /** What it finds, in a few words. */
  words: string;
  /** 3x3, row by row. */
  values: readonly number[];
}

const ninth = 1 / 9;

export const PRESETS: readonly Preset[] = [
  { id: "blur", name: "Blur", words: "the mean of nine pixels", values: Array(9).fill(ninth) },
  { id: "sharpen", name: "Sharpen", words: "a pixel against its neighbours", values: [0, -1, 0, -1, 5, -1, 0, -1, 0] },
  { id: "edge", name: "Edge", words: "right minus left", values: [-1, 0, 1, -1, 0, 1, -1, 0, 1] },
  {
    id: "sobel-x",
    name: "Sobel x",
    words: "right minus left, the middle twice",
    values: [-1, 0, 1, -2, 0, 2, -1, 0, 1],
  },
  {
    id: "sobel-y",
    name: "Sobel y",
    words: "below minus above, the middle twice",
    values: [-1, -2, -1, 0, 0, 0, 1, 2, 1],
  },
  { id: "emboss", name: "Emboss", words: "a light from the upper left", values: [-2, -1, 0, -1, 1, 1, 0, 1, 2] },
  { id: "identity", name: "Identity", words: "the pixel itself", values: [0, 0, 0, 0, 1, 0, 0, 0, 0] },
];

/** The 3x3 of a preset in the middle of a kernel; of a smaller kernel, its middle; without a place, nothing. */
export function placed(values: readonly number[], high: number, wide: number): Float32Array {
  const made = new Float32Array(high * wide);
  const top = Math.floor((high - 1) / 2) - 1, left = Math.floor((wide - 1) / 2) - 1;
  for (let y = 0; y < 3; y++) {
    for (let x = 0; x < 3; x++) {
      const row = top + y, column = left + x;
      if (row >= 0 && row < high && column >= 0 && column < wide) made[row * wide + column] = values[3 * y + x];
    }
  }
  return made;
}

/** A kernel in the address: a preset and whether it is turned, or its own values row by row; null is the net's own. */
export type Chosen =
  | { kind: "preset"; preset: Preset; turned: boolean }
  | { kind: "values"; values: readonly number[] }
  | null;

export function chosenOf(text: string): Chosen {
  const [name, ...more] = text.split(",");
  const preset = PRESETS.find((one) => one.id === name);
  if (preset) return { kind: "preset", preset, turned: more.includes("turned") };
  const values = text.split(",").map(Number);
  return text && values.every(Number.isFinite) ? { kind: "values", values } : null;
}

export const textOf = (values: ArrayLike<number>): string =>
  Array.from(values, (value) => String(Number(value.toPrecision(6)))).join(",");

/** Half a turn: what mathematics does to the kernel before it slides. */
export const turned = (values: Float32Array): Float32Array => values.slice().reverse();
