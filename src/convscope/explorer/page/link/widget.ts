// A notebook: messages of the widget's model, each call with a number under which its answer comes back.

import { Trouble } from "../trouble.ts";
import { capabilitiesOf, type Event, type Link } from "./link.ts";

/** What the page needs of the widget's model. */
export interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  send(content: unknown, callbacks?: unknown, buffers?: ArrayBuffer[]): void;
  on(event: string, heard: (content: unknown) => void): void;
}

interface Answer {
  answers?: number;
  value?: unknown;
  error?: { what: string; attempt?: string };
  event?: Event;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The link of a widget, whose model also keeps the selection from one opening of the notebook to the next. */
export function widget(model: Model): Link {
  const waiting = new Map<number, Waiting>();
  const listeners = new Map<string, Set<(event: Event) => void>>();
  let last = 0;
  model.on("msg:custom", (content) => {
    const { answers, value, error, event } = (content ?? {}) as Answer;
    if (event) listeners.get(event.kind)?.forEach((heard) => heard(event));
    const one = answers === undefined ? undefined : waiting.get(answers);
    if (!one || answers === undefined) return;
    waiting.delete(answers);
    if (error) one.reject(new Trouble(error.what, error.attempt ?? ""));
    else one.resolve(value);
  });
  return {
    capabilities: capabilitiesOf(model.get("capabilities")),
    call: async (method, args, options = {}) => {
      const { content, ...others } = (args ?? {}) as Record<string, unknown>;
      const buffer = content instanceof Blob ? await content.arrayBuffer() : null; // a file, sent beside the others
      return new Promise((resolve, reject) => {
        const number = ++last;
        waiting.set(number, { resolve, reject });
        options.signal?.addEventListener("abort", () => {
          if (!waiting.delete(number)) return;
          model.send({ cancels: number });
          reject(options.signal?.reason);
        });
        if (buffer) model.send({ call: number, method, args: others }, undefined, [buffer]);
        else model.send({ call: number, method, args: args ?? {} });
      });
    },
    on(event, heard) {
      const all = listeners.get(event) ?? new Set();
      listeners.set(event, all.add(heard));
      return () => void all.delete(heard);
    },
    keep: {
      read: () => String(model.get("state") ?? ""),
      write(text) {
        model.set("state", text);
        model.save_changes();
      },
    },
  };
}
