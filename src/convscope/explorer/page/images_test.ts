import { deepStrictEqual, strictEqual } from "node:assert";
import { claimedSize, fitted, type Pixels, prepared, takesImages } from "./images.ts";

const image = (high: number, wide: number, channels: number, ...values: number[]): Pixels => ({
  name: "",
  shape: [high, wide, channels],
  data: Uint8Array.from(values),
});

Deno.test("an image of the right size is left as it is, channels first", () => {
  const rgb = image(1, 2, 3, 1, 2, 3, 4, 5, 6);
  deepStrictEqual([...fitted(rgb, [3, 1, 2])], [1, 4, 2, 5, 3, 6]);
});

Deno.test("a smaller image has the mean of what each pixel covers; the middle is kept", () => {
  deepStrictEqual([...fitted(image(2, 2, 1, 0, 10, 20, 30), [1, 1, 1])], [15]);
  deepStrictEqual([...fitted(image(1, 3, 1, 0, 100, 200), [1, 1, 1])], [100]);
  deepStrictEqual([...fitted(image(1, 1, 1, 9), [1, 2, 2])], [9, 9, 9, 9]);
});

Deno.test("colour becomes grey by the usual weights, grey is repeated", () => {
  deepStrictEqual([...fitted(image(1, 1, 3, 200, 100, 50), [1, 1, 1])], [Math.round(0.299 * 200 + 58.7 + 5.7)]);
  deepStrictEqual([...fitted(image(1, 1, 1, 7), [3, 1, 1])], [7, 7, 7]);
});

Deno.test("pixels are prepared as the run states", () => {
  const how = { mean: [0.5], std: [0.25], ink: false, ground: "" } as const;
  const made = prepared(Uint8Array.from([255, 0]), 1, { ...how, mean: [...how.mean], std: [...how.std] });
  deepStrictEqual([...made], [2, -2]);
  deepStrictEqual([...prepared(Uint8Array.from([255, 51]), 1, null)].map((x) => x.toFixed(1)), ["1.0", "0.2"]);
});

Deno.test("the head of a file states its size", () => {
  const png = new Uint8Array(32);
  new DataView(png.buffer).setUint32(0, 0x89504e47);
  new DataView(png.buffer).setUint32(16, 20000);
  new DataView(png.buffer).setUint32(20, 10000);
  deepStrictEqual(claimedSize(png), [20000, 10000]);
  const jpeg = Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc0, 0, 17, 8, 1, 0, 2, 0, 0, 0, 0]);
  deepStrictEqual(claimedSize(jpeg), [512, 256]);
  strictEqual(claimedSize(Uint8Array.from([1, 2, 3, 4])), null);
});

Deno.test("an image has rows and columns; a signal, a volume and a vector are none", () => {
  deepStrictEqual([[3, 8, 8], [2, 128], [1, 16, 16, 16], [10]].map(takesImages), [true, false, false, false]);
});
