// What the browser runs: the page in this file, the worker in which its net runs, a widget of a notebook, or nothing
// until `mount` is called. One script for all of them, as a page that is opened from disk can load no other file.

import { mount } from "./mount.tsx";

export { mount };

if (!globalThis.document) await import("./engine/worker.ts");

const here = globalThis.document?.getElementById("convscope-document");
if (here) mount(globalThis.document.body, JSON.parse(here.textContent ?? "null"), null);
