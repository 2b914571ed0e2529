/** The engine behind messages: it runs a net in slices, so that a newer request is heard while an older one runs. */

import { derive } from "./derive.ts";
import { EngineError } from "./errors.ts";
import { Forward } from "./forward.ts";
import type { Graph } from "./graph.ts";
import type { Failure, Reply, Request, Started } from "./protocol.ts";
import type { Weights } from "./weights.ts";
import { fitting } from "./weights.ts";

/** How long layers run before messages are heard; a timer then takes up to 4 of these [millisecond]. */
const SLICE = 24;

type Send = (reply: Reply, transfer: Transferable[]) => void;

/** Answers requests; `rest` returns after the messages that wait were heard. */
export class Service {
  private forward: Forward | null = null;
  private readonly cancelled = new Set<number>();
  private readonly running = new Set<number>();

  constructor(private readonly send: Send, private readonly rest: () => Promise<void>) {}

  async answer(request: Request): Promise<void> {
    const { id } = request;
    try {
      if (request.method === "cancel") {
        if (this.running.has(request.request)) this.cancelled.add(request.request);
      } else if (request.method === "values") {
        await this.values(id, request.layers);
      } else {
        this.send({ id, result: this.change(request) ?? null }, []);
      }
    } catch (error) {
      this.send({ id, failure: failureOf(error) }, []);
    }
  }

  /** Starts a net, or changes its image or a weight. */
  private change(request: Exclude<Request, { method: "values" | "cancel" }>): Started | void {
    switch (request.method) {
      case "init":
        return this.start(request.graph, request.weights, request.draw);
      case "edit":
        return this.start(request.graph, this.started().weights(), true);
      case "image":
        return this.started().image(request.values, request.input);
      case "weight":
        return this.started().weight(request.layer, request.name, request.index, request.value);
      case "replace":
        return this.started().replace(request.layer, request.name, request.values);
    }
  }

  private start(graph: Graph, given: Weights, draw: boolean): Started {
    const derived = derive(graph), fit = draw ? fitting(derived, given) : { weights: given, drawn: [] };
    const images = this.forward?.images();
    const forward = new Forward(derived, fit.weights);
    for (const [name, values] of images ?? []) if (forward.takes(name, values.length)) forward.image(values, name);
    this.running.forEach((id) => this.cancelled.add(id));
    this.forward = forward;
    return { drawn: fit.drawn };
  }

  private started(): Forward {
    if (!this.forward) throw new EngineError("no net has been started");
    return this.forward;
  }

  private async values(id: number, layers: readonly string[]): Promise<void> {
    this.running.add(id);
    try {
      await this.run(id, layers);
    } finally {
      this.running.delete(id);
      this.cancelled.delete(id);
    }
  }

  private async run(id: number, layers: readonly string[]): Promise<void> {
    for (;;) {
      const forward = this.started(), begun = performance.now();
      const pending = forward.pending(layers);
      for (const name of pending) {
        forward.step(name);
        if (performance.now() - begun > SLICE) break;
      }
      if (!forward.pending(layers).length) break;
      await this.rest();
      if (this.cancelled.has(id)) return this.send({ id, cancelled: true }, []);
    }
    const result: Record<string, Float32Array> = {};
    for (const name of layers) result[name] = this.started().values(name).slice();
    this.send({ id, result }, Object.values(result).map((values) => values.buffer));
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof EngineError) {
    const { kind, message, expected, attempt } = error;
    return { kind, message, expected, attempt };
  }
  const message = error instanceof RangeError ? "the net needs more memory than the page has" : String(error);
  return { kind: "EngineError", message, expected: "", attempt: "" };
}
