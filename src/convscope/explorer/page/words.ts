// Numbers and names for readers, spelled as the command line spells them.

const scaled = (value: number, base: number, units: string[]): string => {
  let power = 0;
  while (Math.abs(value) >= base && power < units.length - 1) {
    value /= base;
    power += 1;
  }
  const size = Math.abs(value);
  const digits = power ? value.toFixed(Math.max(0, 2 - Number(size >= 10) - Number(size >= 100))) : String(value);
  return `${digits} ${units[power]}`.trimEnd();
};

/** Three digits and a unit: 950, 2.94 M. */
export const count = (value: number): string => scaled(value, 1000, ["", "k", "M", "G", "T", "P"]);

/** Three digits and a unit: 42.2 KiB. */
export const bytes = (value: number): string => scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);

/** All digits, in groups: 25,557,032. */
export const whole = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

/** A share in percent; what is small but not zero is never shown as 0 %. */
export const percent = (share: number): string => {
  const value = share * 100;
  if (value === 0 || value >= 99.95) return `${Math.round(value)} %`;
  if (value < 0.1) return "< 0.1 %";
  return `${value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : Math.min(99, Math.round(value))} %`;
};

/** A signed number with a true minus. */
export const signed = (value: number): string => String(value).replace("-", "\u2212");

/** Height, width, channels of a shape `c h w`: 12×12×32. */
export const size = (shape: readonly number[]): string =>
  shape.length ? [...shape.slice(1), shape[0]].join("×") : "unknown";

/** Height and width only; "1×1" for a vector. */
export const area = (shape: readonly number[]): string =>
  shape.length > 1 ? shape.slice(1).join("×") : shape.length ? "1×1" : "unknown";

/** A size in bytes, or that it is unknown. */
export const bytesOr = (value: number | null): string => value === null ? "unknown" : bytes(value);

/** The same number once, different ones joined: [3, 3] is 3×3. */
export const sides = (values: readonly number[]): string => values.join("×");

export const plural = (n: number, one: string, many = `${one}s`): string => `${whole(n)} ${n === 1 ? one : many}`;

/** a, b and c */
export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

/** A name that fits, without its middle: the end says more than the beginning. */
export const shortened = (text: string, most: number): string => {
  if (text.length <= most) return text;
  const first = Math.floor(((most - 1) * 2) / 5);
  return `${text.slice(0, first)}…${text.slice(text.length - (most - 1 - first))}`;
};

/** The amount that a reader typed, such as 2M, 1.5 G or 64 KiB; null if it is not an amount. */
export const amount = (text: string): number | null => {
  const found = /^([0-9][0-9,_]*)(\.[0-9]+)? ?([kmgt]?)(i?)b?$/i.exec(text.trim());
  if (!found || (found[4] && !found[3])) return null;
  const power = " kmgt".indexOf((found[3] || " ").toLowerCase());
  return Math.round(Number(found[1].replace(/[,_]/g, "") + (found[2] ?? "")) * (found[4] ? 1024 : 1000) ** power);
};
