/** A matrix times a vector. */

import type { Call } from "./call.ts";

/** `weight · x + bias`, the input flattened; four rows at a time. */
export function multiplied(call: Call): void {
  const x = call.inputs[0].data, out = call.output.data, { weight: w, bias } = call.weights, n = x.length;
  let row = 0;
  for (; row + 4 <= out.length; row += 4) {
    let a = 0, b = 0, c = 0, d = 0;
    const p = row * n, q = p + n, r = q + n, s = r + n;
    for (let at = 0; at < n; at++) {
      const value = x[at];
      a += w[p + at] * value;
      b += w[q + at] * value;
      c += w[r + at] * value;
      d += w[s + at] * value;
    }
    out[row] = a;
    out[row + 1] = b;
    out[row + 2] = c;
    out[row + 3] = d;
  }
  for (; row < out.length; row++) {
    let sum = 0;
    for (let at = 0; at < n; at++) sum += w[row * n + at] * x[at];
    out[row] = sum;
  }
  if (bias) { for (let at = 0; at < out.length; at++) out[at] += bias[at]; }
}
