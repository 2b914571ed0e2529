// The page's way to Python: from a file there is none, from a server http, in a notebook the widget's.

export type Capability = "confirm" | "analyze" | "predict" | "train" | "upload";

export interface Event {
  kind: string;
  [key: string]: unknown;
}

export interface Link {
  readonly capabilities: ReadonlySet<Capability>;
  call(method: string, args: unknown, options?: { signal?: AbortSignal }): Promise<unknown>;
  /** Listen to what Python reports by itself; returns how to stop. */
  on(event: string, heard: (event: Event) => void): () => void;
  /** Where the selection is kept if not in the address of the page. */
  keep?: { read(): string; write(text: string): void };
}

const NET = "convscope explore NET", RUN = "convscope explore RUN";

/** The command that opens this page with a capability. */
export const NEEDED: Record<Capability, string> = { confirm: NET, analyze: NET, predict: RUN, train: RUN, upload: NET };

/** Whether each name is a capability; others, of a newer Python, are left out. */
export const capabilitiesOf = (names: unknown): ReadonlySet<Capability> =>
  new Set((Array.isArray(names) ? names : []).filter((name): name is Capability => name in NEEDED));
