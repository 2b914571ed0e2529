// The keyboard: what works everywhere, and the list of it. A view adds its own keys while it is shown.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type App, useApp } from "../app.ts";
import { VIEWS } from "../views/views.ts";

const LIST: readonly (readonly [string, string])[] = [
  ["1 – 8", "Open a view"],
  ["← ↑ → ↓", "Move the selection: layer, unit, window or cell"],
  ["[ ]", "Previous or next image"],
  ["F", "Fold or unfold on the Map"],
  ["Delete", "Remove the selected layer on the Bench"],
  ["Ctrl Z, Ctrl Y", "Undo, redo"],
  ["T", "Light or dark"],
  ["?", "Show or hide this list"],
  ["Esc", "Close"],
];

/** Whether a key belongs to the field, or the table that scrolls, that has the focus. */
const typed = (event: KeyboardEvent): boolean =>
  event.target instanceof HTMLElement && event.target.matches("input, textarea, select, [contenteditable], .rows");

function image(app: App, by: number): void {
  const count = app.gallery.count.peek();
  if (count) app.store.set({ image: (app.store.now.image + by + count) % count, unit: app.store.now.unit });
}

/** Handle a key that means the same in every view; returns whether it did. */
function everywhere(app: App, event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey) {
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return false;
    if (key === "z" && !event.shiftKey) app.store.undo();
    else app.store.redo();
    return true;
  }
  if (event.altKey) return false;
  const view = /^[1-8]$/.test(event.key) ? VIEWS[Number(event.key) - 1] : undefined;
  if (view) app.store.set({ view: view.id });
  else if (event.key === "[") image(app, -1);
  else if (event.key === "]") image(app, 1);
  else if (event.key === "t" || event.key === "T") turnTheme(app);
  else if (event.key === "?") app.keysShown.value = !app.keysShown.peek();
  else if (event.key === "Escape" && app.notice.peek()) app.notice.value = null;
  else return false;
  return true;
}

export function turnTheme(app: App): void {
  const dark = app.theme.peek() ? app.theme.peek() === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  app.theme.value = dark ? "light" : "dark";
}

/** Listen to the keyboard: in a page everywhere, in a notebook where the page has the focus. */
export function useKeys(place: HTMLElement, app: App): void {
  useEffect(() => {
    const target: HTMLElement | Document = place.dataset.host === "page" ? place.ownerDocument : place;
    const pressed = (event: Event): void => {
      if (!(event instanceof KeyboardEvent) || event.defaultPrevented || typed(event)) return;
      const view = VIEWS.find((one) => one.id === app.store.now.view);
      if (view?.keys?.(app, event) || everywhere(app, event)) event.preventDefault();
    };
    target.addEventListener("keydown", pressed);
    return () => target.removeEventListener("keydown", pressed);
  }, [place, app]);
}

export function Keys() {
  const app = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const shown = app.keysShown.value;
  useLayoutEffect(() => {
    if (shown) dialog.current?.showModal();
    else dialog.current?.close();
  }, [shown]);
  return (
    <dialog ref={dialog} class="keys" aria-label="Keyboard shortcuts" onClose={() => app.keysShown.value = false}>
      <h2>Keyboard shortcuts</h2>
      <dl>
        {LIST.map(([keys, words]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="btn" onClick={() => app.keysShown.value = false}>Close</button>
    </dialog>
  );
}
