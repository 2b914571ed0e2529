/** The tokens that lead to a point of a text. */

import { isKeyword } from "../ops/registry.ts";
import type { Token } from "./tokens.ts";

/**
 * The tokens that lead to a point, possibly inside open paths. Of an open merge, only the current path counts; of a
 * repetition, only the first pass; a label without a layer is left out.
 */
export function before(tokens: readonly Token[], at: number): Token[] {
  let found: number[] = [];
  const opened: [number, number][] = []; // for each open parenthesis: how many before it, start of its element
  for (let position = 0; position < at; position++) {
    const { kind } = tokens[position], last = opened[opened.length - 1];
    if (kind === "(") {
      const start = elementStart(tokens, position);
      found = found.slice(0, found.length - (position - start));
      opened.push([found.length, start]);
    } else if (kind === "|" && last) {
      found = found.slice(0, last[0]);
    } else if (kind === ")" && last) {
      opened.pop();
      found = found.slice(0, last[0]);
      for (let one = last[1]; one <= position; one++) found.push(one);
    } else {
      found.push(position);
    }
  }
  while (found.length && tokens[found[found.length - 1]].kind === "label") found.pop();
  return found.map((position) => tokens[position]);
}

/** Where the element begins whose parenthesis opens at a position, its label included. */
function elementStart(tokens: readonly Token[], position: number): number {
  const repeats = tokens[position - 1]?.kind === "*";
  let start = repeats ? position - 2 : position - 1;
  while (start > 0 && !repeats && tokens[start].kind === "word" && !isKeyword(tokens[start].text)) start--;
  return start > 0 && tokens[start - 1].kind === "label" ? start - 1 : start;
}
