/** The error function. */

/**
 * `erf(x)` to 1e-15: the Taylor series near 0, the continued fraction of `erfc` beyond (Abramowitz and Stegun, 7.1.5
 * and 7.1.14).
 */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a !== a) return x;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a, sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
      term *= -a * a / n;
      sum += term / (2 * n + 1);
    }
    return Math.sign(x) * sum * 2 / Math.sqrt(Math.PI);
  }
  let rest = a;
  for (let k = 60; k > 0; k--) rest = a + k / 2 / rest;
  return Math.sign(x) * (1 - Math.exp(-a * a) / (rest * Math.sqrt(Math.PI)));
}
