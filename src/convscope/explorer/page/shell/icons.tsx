// The icons of the page, drawn in its colour on 20×20.

const PATHS: Record<string, string> = {
  map: "M2 4h4v12H2zM9 6h4v8H9zM16 8.5h2v3h-2z",
  bench: "M3 17l8-8M9 3l8 8M11 5l4 4M8 8l4 4",
  reach: "M3 3h14v14H3zM7 7h6v6H7z",
  micro: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13 13l4 4",
  channel: "M3 5h14M3 10h9M3 15h14",
  health: "M2 11h4l2-6 4 10 2-4h4",
  mistakes: "M3 3h14v14H3zM3 10h14M10 3v14M12 12l3 3M15 12l-3 3",
  runs: "M3 3v14h14M5 14c3-1 3-8 11-9",
  link: "M8.5 11.5l3-3M7 9l-2.2 2.2a2.6 2.6 0 0 0 3.9 3.9L11 13M9 7l2.2-2.2a2.6 2.6 0 0 1 3.9 3.9L13 11",
  theme: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14z",
  keys: "M7.5 7.5a2.5 2.5 0 1 1 3.6 2.2c-.7.4-1.1.9-1.1 1.8M10 14.6v.2",
  undo: "M7 5L3.5 8.5 7 12M3.5 8.5H12a4 4 0 0 1 0 8H8",
  redo: "M13 5l3.5 3.5L13 12M16.5 8.5H8a4 4 0 0 0 0 8h4",
  close: "M5 5l10 10M15 5L5 15",
};

export function Icon({ name, size = 20 }: { name: string; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name] ?? ""} fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" />
      {name === "theme" && <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />}
    </svg>
  );
}

/** The mark of the product: a field around its unit. */
export function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <rect x="1" y="1" width="18" height="18" fill="none" stroke="var(--ink)" stroke-width="2" />
      <rect x="5.5" y="5.5" width="9" height="9" fill="none" stroke="var(--accent)" stroke-width="1.5" />
      <rect x="8.5" y="8.5" width="3" height="3" fill="var(--accent)" />
    </svg>
  );
}
