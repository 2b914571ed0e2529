/** The engine in a worker, as promises. A request that a newer one replaces is cancelled. */

import { EngineError } from "./errors.ts";
import type { Graph } from "./graph.ts";
import type { Failure, Reply, Request, Started } from "./protocol.ts";
import type { Weights } from "./weights.ts";

/** The part of a Worker that is used. */
export interface Port {
  postMessage(request: Request, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent) => void) | null;
  onerror: ((event: ErrorEvent) => void) | null;
  terminate(): void;
}

/** An error that the worker reported, with what was expected and what to try. */
export class WorkerError extends EngineError {
  override readonly kind: string;

  constructor({ kind, message, expected, attempt }: Failure) {
    super(message, expected, attempt);
    this.kind = kind;
  }
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

export interface ValuesOptions {
  /** Cancels the request; its promise is then rejected with an AbortError. */
  readonly signal?: AbortSignal;
  /** A newer request of the same group cancels an older one that still runs. */
  readonly group?: string;
}

type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

export class Client {
  private count = 0;
  private readonly pending = new Map<number, Pending>();
  private readonly groups = new Map<string, number>();

  constructor(private readonly port: Port) {
    port.onmessage = ({ data }) => this.receive(data as Reply);
    port.onerror = (event) => {
      event.preventDefault?.();
      this.fail(new EngineError(`the engine stopped: ${event.message}`));
    };
  }

  /** Starts a net. With `draw`, weights that are missing or do not fit are drawn at random; else they are an error. */
  init(graph: Graph, weights: Weights, { draw = false } = {}): Promise<Started> {
    return this.ask({ method: "init", graph, weights, draw }) as Promise<Started>;
  }

  /** Starts an edited net with the weights that fit it still; the others are drawn at random. The images stay. */
  edit(graph: Graph): Promise<Started> {
    return this.ask({ method: "edit", graph }) as Promise<Started>;
  }

  /** Sets the values of an input, `c h w`; by default of the first one. */
  async image(values: Float32Array, input?: string): Promise<void> {
    await this.ask({ method: "image", values, input });
  }

  async weight(layer: string, name: string, index: number, value: number): Promise<void> {
    await this.ask({ method: "weight", layer, name, index, value });
  }

  /** Replaces all values of a weight. */
  async replace(layer: string, name: string, values: Float32Array): Promise<void> {
    await this.ask({ method: "replace", layer, name, values });
  }

  /** The values of some layers, `c h w` each; only what has changed is computed. */
  values(
    layers: readonly string[],
    { signal, group = "values" }: ValuesOptions = {},
  ): Promise<Record<string, Float32Array>> {
    const older = this.groups.get(group);
    if (older !== undefined) this.cancel(older);
    if (signal?.aborted) return Promise.reject(aborted());
    const found = this.ask({ method: "values", layers }), id = this.count;
    this.groups.set(group, id);
    const stop = () => this.cancel(id);
    signal?.addEventListener("abort", stop, { once: true });
    return found.finally(() => {
      signal?.removeEventListener("abort", stop);
      if (this.groups.get(group) === id) this.groups.delete(group);
    }) as Promise<Record<string, Float32Array>>;
  }

  /** Ends the worker; all that waits is cancelled. */
  close(): void {
    this.port.terminate();
    this.fail(aborted());
  }

  private ask(request: Unnumbered<Request>): Promise<unknown> {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.port.postMessage({ ...request, id });
    });
  }

  private cancel(id: number): void {
    const waiting = this.pending.get(id);
    if (!waiting) return;
    this.pending.delete(id);
    this.port.postMessage({ id: ++this.count, method: "cancel", request: id });
    waiting.reject(aborted());
  }

  private receive(reply: Reply): void {
    const waiting = this.pending.get(reply.id);
    if (!waiting) return;
    this.pending.delete(reply.id);
    if ("cancelled" in reply) waiting.reject(aborted());
    else if ("failure" in reply) waiting.reject(new WorkerError(reply.failure));
    else waiting.resolve(reply.result);
  }

  private fail(error: Error): void {
    for (const waiting of this.pending.values()) waiting.reject(error);
    this.pending.clear();
  }
}

function aborted(): DOMException {
  return new DOMException("a newer request replaced this one", "AbortError");
}
