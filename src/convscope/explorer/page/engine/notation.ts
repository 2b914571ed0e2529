/** The notation: a net in one line of text. */

export { parse } from "./notation/parse.ts";
export { opText } from "./fit.ts";
export { write } from "./notation/write.ts";
