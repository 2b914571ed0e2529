/** The known name that is nearest to a misspelt one, as Python's difflib finds it. */

const CUTOFF = 0.7;

/** The nearest of some names; empty if none is near. */
export function nearest(name: string, known: Iterable<string>, aliases: Readonly<Record<string, string>> = {}): string {
  const word = name.toLowerCase();
  if (word in aliases) return aliases[word];
  let best = "", most = 0;
  for (const one of known) {
    const small = one.toLowerCase(), score = ratio(small, word);
    if (score >= CUTOFF && (score > most || (score === most && small > best.toLowerCase()))) {
      [best, most] = [one, score];
    }
  }
  return best;
}

/** Twice the number of matching letters by that of all letters. */
function ratio(a: string, b: string): number {
  return a.length + b.length ? 2 * matches(a, b) / (a.length + b.length) : 1;
}

/** The letters of the longest common part, and of those before and after it. */
function matches(a: string, b: string): number {
  let size = 0, i = 0, j = 0;
  for (let at = 0; at < a.length; at++) {
    for (let to = 0; to < b.length; to++) {
      let length = 0;
      while (at + length < a.length && to + length < b.length && a[at + length] === b[to + length]) length++;
      if (length > size) [size, i, j] = [length, at, to];
    }
  }
  if (!size) return 0;
  return size + matches(a.slice(0, i), b.slice(0, j)) + matches(a.slice(i + size), b.slice(j + size));
}
