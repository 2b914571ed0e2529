// What the browser runs: the page in this file, a widget of a notebook, or nothing until `mount` is called.

import { mount } from "./mount.tsx";

export { mount };

const here = globalThis.document?.getElementById("convscope-document");
if (here) mount(globalThis.document.body, JSON.parse(here.textContent ?? "null"), null);
