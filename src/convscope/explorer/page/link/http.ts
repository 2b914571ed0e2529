// A server on this machine: JSON by POST, reports as server-sent events. All of it is of this page's own origin.

import { Trouble } from "../trouble.ts";
import { capabilitiesOf, type Event, type Link } from "./link.ts";

const said = async (answer: Response): Promise<Trouble> => {
  try {
    const { what, attempt } = await answer.json();
    return new Trouble(String(what), attempt ? String(attempt) : "");
  } catch {
    return new Trouble(`The server answered ${answer.status}.`);
  }
};

async function call(method: string, args: unknown, options: { signal?: AbortSignal } = {}): Promise<unknown> {
  let answer: Response;
  try {
    answer = await fetch(`api/${method}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(args ?? {}),
      signal: options.signal,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Trouble("Python cannot be reached.", "Is convscope explore still running?");
  }
  if (answer.status === 503) {
    throw new Trouble(`Python is busy; try again in ${answer.headers.get("Retry-After") ?? "a few"} s.`);
  }
  if (!answer.ok) throw await said(answer);
  return answer.status === 204 ? null : await answer.json();
}

/** The link of a page that a server gave, with the capabilities that it named. */
export function http(capabilities: unknown): Link {
  let source: EventSource | null = null;
  let listeners = 0;
  return {
    capabilities: capabilitiesOf(capabilities),
    call,
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
