// A server on this machine: JSON by POST, reports as server-sent events. All of it is of this page's own origin.

import { Trouble } from "../trouble.ts";
import { capabilitiesOf, type Event, type Link } from "./link.ts";

/** The link of a page that a server gave. */
export interface Served extends Link {
  /** A part of the page as JSON, such as its document; throws a Trouble. */
  fetched(path: string): Promise<unknown>;
}

const said = async (answer: Response): Promise<Trouble> => {
  try {
    const { what, expected, attempt } = await answer.json();
    return new Trouble(String(what), String(attempt ?? (expected ? `Expected: ${expected}` : "")));
  } catch {
    return new Trouble(`The server answered ${answer.status}.`);
  }
};

async function asked(path: string, options: RequestInit): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Trouble("Python cannot be reached.", "Is convscope explore still running?");
  }
  if (!answer.ok) throw await said(answer);
  return answer.json();
}

/** A question; a file among its arguments, called `content`, is sent as it is. */
function call(method: string, args: unknown, options: { signal?: AbortSignal } = {}): Promise<unknown> {
  const { content, ...others } = (args ?? {}) as Record<string, unknown>;
  const bytes = content instanceof Blob;
  const query = bytes ? `?${new URLSearchParams(others as Record<string, string>)}` : "";
  return asked(`call/${method}${query}`, {
    method: "POST",
    headers: { "Content-Type": bytes ? "application/octet-stream" : "application/json" },
    body: bytes ? content : JSON.stringify({ args: args ?? {} }),
    signal: options.signal,
  });
}

/** The link, with the capabilities that the server named. */
export function http(capabilities: unknown): Served {
  let source: EventSource | null = null;
  let listeners = 0;
  return {
    capabilities: capabilitiesOf(capabilities),
    call,
    fetched: (path) => asked(path, {}),
    on(event, heard) {
      source ??= new EventSource("events");
      const listener = (message: MessageEvent<string>) => heard(JSON.parse(message.data) as Event);
      source.addEventListener(event, listener);
      listeners += 1;
      return () => {
        source?.removeEventListener(event, listener);
        if (--listeners > 0) return;
        source?.close();
        source = null;
      };
    },
  };
}
