// What the browser runs: the page in this file, the page of a server, a widget of a notebook, and the worker in which
// its net runs. One script for all of them, as a page that is opened from disk can load no other file.

import { http } from "./link/http.ts";
import { type Model, widget } from "./link/widget.ts";
import { mount } from "./mount.tsx";
import { scripted } from "./running.ts";

export { mount };

/** A place in a notebook that its styles and its keyboard shortcuts do not reach. */
function apart(el: HTMLElement, css: string): HTMLElement {
  el.dataset.lmSuppressShortcuts = "true";
  const root = el.shadowRoot ?? el.attachShadow({ mode: "open" });
  const styles = document.createElement("style"), place = document.createElement("div");
  styles.textContent = css;
  root.replaceChildren(styles, place);
  return place;
}

/** The widget of a notebook, as anywidget loads it. */
export default {
  render({ model, el }: { model: Model; el: HTMLElement }): () => void {
    scripted(String(model.get("_esm") ?? ""));
    return mount(apart(el, String(model.get("styles"))), JSON.parse(String(model.get("document"))), widget(model));
  },
};

/** The page of a server, which has the document that the address names, or the first one. */
async function served(capabilities: string): Promise<void> {
  const name = new URLSearchParams(location.search).get("document");
  const link = http(capabilities.split(" "));
  const path = name ? `document/${encodeURIComponent(name)}` : "document";
  let away = mount(globalThis.document.body, await link.fetched(path).catch((error) => error), link);
  link.on("document", async ({ id }) => {
    if (id !== name) return;
    const found = await link.fetched(path).catch(() => null); // the next one will come
    const stage = (): Element | null => globalThis.document.querySelector(".stage"), top = stage()?.scrollTop ?? 0;
    if (!found) return;
    away();
    away = mount(globalThis.document.body, found, link);
    stage()?.scrollTo(0, top);
  });
}

if (!globalThis.document) await import("./engine/worker.ts");

const page = globalThis.document;
const here = page?.getElementById("convscope-document");
const there = page?.querySelector<HTMLElement>('meta[name="convscope-link"][content="http"]');
if (here) mount(page.body, JSON.parse(here.textContent ?? "null"), null);
else if (there) void served(there.dataset.capabilities ?? "");
