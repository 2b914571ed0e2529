// The net of the document as it was trained, whatever is tried in the Bench: it runs in a worker.

import { Client } from "./engine/client.ts";
import { derive, type Derived } from "./engine/derive.ts";
import { hindrance } from "./engine/forward.ts";
import { graphOf } from "./engine/graph.ts";
import { type Weights, weightsIn } from "./engine/weights.ts";
import type { App } from "./app.ts";
import { fitted, type Pixels, prepared } from "./images.ts";
import { MOST, worker } from "./running.ts";
import { Trouble } from "./trouble.ts";
import { count } from "./words.ts";

export type Values = Record<string, Float32Array>;

/** A change of one tensor: all its values, and those that it had. */
export interface Change {
  layer: string;
  name: string;
  values: Float32Array;
  before: Float32Array;
}

export type Run = (input: Float32Array, layers: readonly string[]) => Promise<Values>;

export class Trained {
  readonly #app: App;
  #weights: Weights | null = null;
  #client: Promise<Client> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #reason: string | null = null;
  #derived: Derived | null = null;

  constructor(app: App) {
    this.#app = app;
  }

  get weights(): Weights {
    const { blobs, document } = this.#app;
    return this.#weights ??= weightsIn(document.net.layers, (key, what) => blobs.bytes(key, what));
  }

  /** What the engine derives of the net. */
  get derived(): Derived {
    const { net } = this.#app.document;
    return this.#derived ??= derive(graphOf(net), net);
  }

  /** Why the page does not run the net, in a sentence; empty if it does. */
  get reason(): string {
    return this.#reason ??= this.#hindered();
  }

  #hindered(): string {
    const { net } = this.#app.document;
    if (!net.layers.some((layer) => layer.weights?.some((weight) => weight.blob))) {
      const said = this.#app.document.left_out.find((sentence) => sentence.includes("weights"));
      return `The page cannot run this net. ${said ?? "Its weights are not in this document."}`;
    }
    if (net.totals.macs > MOST) {
      return `The page does not run this net: it takes ${count(net.totals.macs)} multiply-adds, and at most ${
        count(MOST)
      } are run.`;
    }
    const found = hindrance(this.derived, this.weights);
    return found ? `The page does not run this net: ${found}.` : "";
  }

  /** What the net is given for pixels. */
  input(pixels: Pixels): Float32Array {
    const { shape } = this.#app.given.image;
    return prepared(fitted(pixels, shape), shape[0], this.#app.document.preparation);
  }

  /** The value of a pixel that is taken away, by channel: the background of ink, else the mean colour. */
  get nothing(): readonly number[] {
    const how = this.#app.document.preparation, [channels] = this.#app.given.image.shape;
    const of = (c: number): number => how?.ink ? -how.mean[c % how.mean.length] / how.std[c % how.std.length] : 0;
    return Array.from({ length: channels }, (_, c) => of(c));
  }

  /** The name of the layer that gives the scores. */
  get last(): string {
    return this.#app.given.net.outputs[0].layer;
  }

  /** The values of layers at an input, one request after the other; rejects with an AbortError if cancelled. */
  run(input: Float32Array, layers: readonly string[], signal?: AbortSignal): Promise<Values> {
    return this.#queued(async (client) => {
      client.image(input).catch(() => {}); // the values that follow say the same
      return await client.values(layers);
    }, signal);
  }

  /** Make requests of the net with tensors that are changed, and put them back; nobody else sees the change. */
  changed<T>(changes: readonly Change[], requests: (run: Run) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return this.#queued(async (client) => {
      for (const { layer, name, values } of changes) await client.replace(layer, name, values);
      try {
        return await requests((input, layers) => {
          signal?.throwIfAborted();
          client.image(input).catch(() => {});
          return client.values(layers);
        });
      } finally {
        for (const { layer, name, before } of changes) await client.replace(layer, name, before);
      }
    }, signal);
  }

  #queued<T>(work: (client: Client) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const next = this.#last.then(async () => {
      signal?.throwIfAborted();
      return await work(await this.#started());
    });
    this.#last = next.catch(() => {});
    return next;
  }

  #started(): Promise<Client> {
    if (this.reason) return Promise.reject(new Trouble(this.reason));
    return this.#client ??= (async () => {
      const client = new Client(worker());
      await client.init(graphOf(this.#app.document.net), this.weights);
      return client;
    })();
  }

  close(): void {
    void this.#client?.then((client) => client.close());
  }
}
