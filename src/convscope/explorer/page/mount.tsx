// The one way in: draw a document into an element, with a link to Python or without.

import { render } from "preact";
import { App } from "./app.ts";
import { none } from "./link/none.ts";
import type { Link } from "./link/link.ts";
import { opened } from "./opened.ts";
import { Sorry } from "./shell/guard.tsx";
import { Shell } from "./shell/shell.tsx";

/** Draw a document; returns how to take it away again. */
export function mount(root: HTMLElement, document: unknown, link: Link | null): () => void {
  const place = root.ownerDocument.createElement("div");
  place.className = "convscope";
  if (root === root.ownerDocument.body) place.dataset.host = "page";
  root.append(place);
  let app: App | null = null;
  try {
    app = new App(opened(document), link ?? none);
    app.checkNames();
    render(<Shell app={app} place={place} />, place);
  } catch (error) {
    render(<Sorry error={error} />, place);
  }
  return () => {
    app?.close();
    render(null, place);
    place.remove();
  };
}
