// A file: nothing to call, and every control says so.

import { Trouble } from "../trouble.ts";
import type { Link } from "./link.ts";

export const none: Link = {
  capabilities: new Set(),
  call: (method) => Promise.reject(new Trouble(`${method} needs Python.`, "Start it: convscope explore")),
  on: () => () => {},
};
