// Colours of values: orange is negative, blue positive, the same range on both sides of zero.

export type Colour = readonly [number, number, number];

export interface Palette {
  negative: Colour;
  zero: Colour;
  positive: Colour;
}

const parse = (text: string): Colour => {
  const hex = text.trim().replace("#", "");
  return [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)) as unknown as Colour;
};

/** The colour of a token, such as `--ink`, where an element stands. */
export const colourOfToken = (place: Element, name: string): Colour =>
  parse(getComputedStyle(place).getPropertyValue(name));

/** The palette of the theme in which an element is shown. */
export function paletteOf(place: Element): Palette {
  const style = getComputedStyle(place), of = (name: string): Colour => parse(style.getPropertyValue(name));
  return {
    negative: of("--neg"),
    zero: of("--zero"),
    positive: of("--pos"),
  };
}

/** How strong the colour of a value is, −1 to 1; small values are lifted a little so that they are seen. */
export const strength = (value: number, most: number): number =>
  most > 0 ? Math.sign(value) * Math.min(1, Math.abs(value) / most) ** 0.8 : 0;

export function colourOf(value: number, most: number, palette: Palette): Colour {
  const s = strength(value, most), end = s < 0 ? palette.negative : palette.positive, by = Math.abs(s);
  return [0, 1, 2].map((i) => Math.round(palette.zero[i] + (end[i] - palette.zero[i]) * by)) as unknown as Colour;
}

const luminance = (colour: Colour): number => {
  const [red, green, blue] = colour.map((one) => one <= 10 ? one / 3294.6 : ((one / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** Black or white, whichever can be read better on a colour: its contrast is 4.5 : 1 or more (WCAG 2.2). */
export const textOn = (colour: Colour): string => luminance(colour) > 0.179 ? "#000" : "#fff";

export const css = ([red, green, blue]: Colour): string => `rgb(${red},${green},${blue})`;

/** The largest magnitude among values that are finite. */
export function magnitude(values: ArrayLike<number>): number {
  let most = 0;
  for (let at = 0; at < values.length; at++) {
    const size = Math.abs(values[at]);
    if (size > most && size < Infinity) most = size;
  }
  return most;
}

/** Fill an image with the colours of values; what is not a number is transparent. */
export function painted(
  values: ArrayLike<number>,
  wide: number,
  high: number,
  most: number,
  palette: Palette,
): ImageData {
  const made = new ImageData(wide, high), table: Colour[] = [];
  for (let i = 0; i < 256; i++) table.push(colourOf((i - 127.5) / 127.5 * most, most, palette));
  for (let at = 0; at < wide * high; at++) {
    const value = values[at];
    if (Number.isNaN(value)) continue;
    const entry = table[Math.max(0, Math.min(255, Math.round((most ? value / most : 0) * 127.5 + 127.5)))];
    made.data.set([entry[0], entry[1], entry[2], 255], 4 * at);
  }
  return made;
}

/** Fill an image with grey or colour, of values `c h w` of 0 to 255, or `h w c`; of other than 3 channels, the first. */
export function shown(
  pixels: Uint8Array,
  channels: number,
  wide: number,
  high: number,
  next = 1,
  plane = wide * high,
): ImageData {
  const made = new ImageData(wide, high);
  for (let at = 0; at < wide * high; at++) {
    for (let c = 0; c < 3; c++) made.data[4 * at + c] = pixels[(channels === 3 ? c * plane : 0) + next * at];
    made.data[4 * at + 3] = 255;
  }
  return made;
}
