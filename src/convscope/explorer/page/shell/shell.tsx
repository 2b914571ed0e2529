// The frame of the page: bar, rail, stage and inspector.

import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type App, Provider, useApp } from "../app.ts";
import { Player } from "../lesson/player.tsx";
import { bring } from "../parts/bring.tsx";
import { type View, VIEWS } from "../views/views.ts";
import { Guard } from "./guard.tsx";
import { Icon } from "./icons.tsx";
import { Inspector } from "./inspector.tsx";
import { Keys, useKeys } from "./keys.tsx";
import { Top } from "./top.tsx";

export function Shell({ app, place }: { app: App; place: HTMLElement }) {
  useKeys(place, app);
  useLayoutEffect(() => {
    if (app.theme.value) place.dataset.theme = app.theme.value;
    else delete place.dataset.theme;
  }, [app.theme.value]);
  return (
    <Provider value={app}>
      <div class="frame">
        <Top />
        <Rail />
        <div class="body">
          <Stage place={place} />
          <Inspector />
        </div>
      </div>
      <Keys />
    </Provider>
  );
}

const viewOf = (app: App): View => VIEWS.find((view) => view.id === app.selection.value.view) ?? VIEWS[0];

function Rail() {
  const app = useApp();
  const current = viewOf(app);
  return (
    <nav class="rail" aria-label="Views">
      {VIEWS.map((view, i) => (
        <button
          key={view.id}
          type="button"
          aria-current={view === current ? "page" : undefined}
          aria-label={view.name}
          title={view.question}
          onClick={() => app.store.set({ view: view.id })}
        >
          <Icon name={view.id} />
          <span>{view.name}</span>
          <kbd>{i + 1}</kbd>
        </button>
      ))}
      <p class="foot">
        {app.document.origin.words}
        <br />Convscope {app.document.convscope}
      </p>
    </nav>
  );
}

function Stage({ place }: { place: HTMLElement }) {
  const app = useApp();
  const view = viewOf(app);
  const stage = useRef<HTMLElement>(null);
  useEffect(() => {
    const one = stage.current;
    if (!one) return;
    const measure = (): void => {
      const style = getComputedStyle(one);
      app.resized(one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(one);
    return () => observer.disconnect();
  }, []);
  const missing = view.missing?.(app);
  return (
    <main
      ref={stage}
      class="stage"
      tabIndex={-1}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => (event.preventDefault(), void bring(app, event.dataTransfer?.files))}
    >
      <Notice />
      <Player place={place} />
      <div class="view" key={view.id}>
        <h1>{view.question}</h1>
        <Guard>
          {view.Body && !missing
            ? <view.Body />
            : <p class="absent">{missing || "This view is not in this version."}</p>}
        </Guard>
      </div>
    </main>
  );
}

function Notice() {
  const app = useApp();
  const trouble = app.notice.value;
  return (
    <div role="status">
      {trouble && (
        <p class="notice">
          <span>
            <b>{trouble.message}</b> {trouble.attempt}
          </span>
          <button type="button" class="ico" aria-label="Close this notice" onClick={() => app.notice.value = null}>
            <Icon name="close" />
          </button>
        </p>
      )}
    </div>
  );
}
