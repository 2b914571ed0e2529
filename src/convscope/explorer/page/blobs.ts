// Bytes beside the document, each known by its SHA-256: what arrives damaged is not shown.

import { Trouble } from "./trouble.ts";

const CONSTANTS = new Uint32Array(64), START = new Uint32Array(8);
{
  const fraction = (value: number): number => ((value - Math.floor(value)) * 2 ** 32) | 0;
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) prime = false;
    if (!prime) continue;
    if (found < 8) START[found] = fraction(Math.sqrt(n));
    CONSTANTS[found++] = fraction(Math.cbrt(n));
  }
}

const turn = (x: number, by: number): number => (x >>> by) | (x << (32 - by));

function mix(state: Uint32Array, words: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const a = words[i - 15], b = words[i - 2];
    const low = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3), high = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
    words[i] = (words[i - 16] + low + words[i - 7] + high) | 0;
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const x = (h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & f) ^ (~e & g)) + CONSTANTS[i] + words[i]) | 0;
    const y = ((turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + x) | 0, c, b, a, (x + y) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, i) => state[i] = (state[i] + value) | 0);
}

/** SHA-256 in hexadecimal. A page opened from disk or in a sandbox may lack the browser's own. */
export function sha256(data: Uint8Array): string {
  const padded = new Uint8Array(((data.length + 72) >> 6) << 6);
  padded.set(data);
  padded[data.length] = 0x80;
  const view = new DataView(padded.buffer), state = START.slice(), words = new Int32Array(64);
  view.setUint32(padded.length - 4, data.length * 8);
  view.setUint32(padded.length - 8, Math.floor(data.length / 2 ** 29));
  for (let at = 0; at < padded.length; at += 64) {
    for (let i = 0; i < 16; i++) words[i] = view.getInt32(at + 4 * i);
    mix(state, words);
  }
  return [...state].map((value) => value.toString(16).padStart(8, "0")).join("");
}

/** The bytes of a blob of the document, checked; throws a Trouble if they are missing or damaged. */
export class Blobs {
  #inside: Record<string, string>;
  #done = new Map<string, Uint8Array>();

  constructor(inside: Record<string, string>) {
    this.#inside = inside;
  }

  has(key: string): boolean {
    return key in this.#inside;
  }

  bytes(key: string, what: string): Uint8Array {
    const known = this.#done.get(key);
    if (known) return known;
    if (!(key in this.#inside)) throw new Trouble(`${what} is not in this document.`);
    let data: Uint8Array;
    try {
      data = Uint8Array.from(atob(this.#inside[key]), (letter) => letter.charCodeAt(0));
    } catch {
      throw new Trouble(`${what} is damaged: its bytes cannot be decoded.`, "Save the page again.");
    }
    if (sha256(data) !== key) {
      throw new Trouble(`${what} is damaged: its SHA-256 does not match.`, "Save the page again.");
    }
    this.#done.set(key, data);
    return data;
  }
}
