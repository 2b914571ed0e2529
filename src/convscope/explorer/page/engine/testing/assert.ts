/** Comparisons for tests. */

/** Throws with both values unless they are equal as JSON. */
export function equal(found: unknown, expected: unknown, what = ""): void {
  const a = JSON.stringify(found), b = JSON.stringify(expected);
  if (a !== b) throw new Error(`${what}\n  found    ${a.slice(0, 2000)}\n  expected ${b.slice(0, 2000)}`);
}

/** Throws unless the call throws an error of this message. */
export function throws(call: () => unknown, message: string): Error {
  try {
    call();
  } catch (error) {
    equal((error as Error).message, message);
    return error as Error;
  }
  throw new Error(`nothing was thrown; expected ${message}`);
}

/** Throws unless all values are within `bound` of the expected ones, relative to the larger of 1 and their size. */
export function close(found: Float32Array, expected: Float32Array, bound: number, what: string): void {
  equal(found.length, expected.length, what);
  for (let at = 0; at < found.length; at++) {
    const off = Math.abs(found[at] - expected[at]) / Math.max(1, Math.abs(expected[at]));
    const same = Number.isNaN(expected[at]) ? Number.isNaN(found[at]) : off <= bound || found[at] === expected[at];
    if (!same) throw new Error(`${what}: value ${at} is ${found[at]}, expected ${expected[at]}`);
  }
}
