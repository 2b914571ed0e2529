/** Integers and fractions, as Python computes them. */

/** The quotient, rounded down. */
export function div(a: number, b: number): number {
  return Math.floor(a / b);
}

/** The remainder, with the sign of the divisor. */
export function mod(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && (rest < 0) !== (b < 0) ? rest + b : rest + 0;
}

/** The quotient, rounded up. */
export function ceilDiv(a: number, b: number): number {
  return -Math.floor(-a / b);
}

export function gcd(a: number, b: number): number {
  while (b) [a, b] = [b, a % b];
  return Math.abs(a);
}

export function lcm(a: number, b: number): number {
  return a / gcd(a, b) * b;
}

export function product(numbers: readonly number[]): number {
  let found = 1;
  for (const one of numbers) found *= one;
  return found;
}

/** The number whose product with `a` is 1 modulo `m`; `a` and `m` have no common factor. */
export function inverse(a: number, m: number): number {
  for (let found = 0; found < m; found++) if ((a * found) % m === 1 % m) return found;
  throw new RangeError(`${a} has no inverse modulo ${m}`);
}

/** A fraction in lowest terms, the denominator positive. */
export type Fraction = readonly [number, number];

export function fraction(numerator: number, denominator: number): Fraction {
  const common = gcd(numerator, denominator) || 1;
  const sign = denominator < 0 ? -1 : 1;
  return [sign * numerator / common + 0, sign * denominator / common];
}

/** A float as Python's `repr` writes it: `2.0`, `0.0001`, `1e-05`, `1e+16`. */
export function pythonFloat(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits, power] = value.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${digits}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (Number.isInteger(value)) return `${BigInt(value)}.0`;
  const plain = String(value);
  return plain.includes("e") ? value.toFixed(Math.max(0, digits.replace(/^-?\d\.?/, "").length - exponent)) : plain;
}
