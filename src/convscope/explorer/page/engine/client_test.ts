/** The engine in a worker: values, edits, errors as data, and requests that a newer one cancels. */

import { Client } from "./client.ts";
import type { Port } from "./client.ts";
import { derive } from "./derive.ts";
import { insert } from "./edit.ts";
import { Forward } from "./forward.ts";
import { parse } from "./notation.ts";
import type { Reply, Request } from "./protocol.ts";
import { Service } from "./service.ts";
import { close, equal } from "./testing/assert.ts";
import { fitting } from "./weights.ts";

const NET = "input 16x16x3, conv 8 3x3 same bn relu, maxpool 2, conv 16 3x3 same relu, gap, linear 4";
const IMAGE = Float32Array.from({ length: 16 * 16 * 3 }, (_, at) => Math.sin(at));

function started(): Client {
  return new Client(new Worker(new URL("./worker.ts", import.meta.url), { type: "module" }) as Port);
}

async function rejected(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it was not rejected");
}

Deno.test("values, weights and edits in a worker are those of the engine itself", async () => {
  const graph = parse(NET), derived = derive(graph), { weights } = fitting(derived, {}), client = started();
  equal(await client.init(graph, weights), { drawn: [] });
  const forward = new Forward(derived, weights);
  forward.image(IMAGE);
  await client.image(IMAGE);
  const found = await client.values(["relu1", "linear1"]);
  close(found.linear1, forward.values("linear1"), 0, "linear1");
  close(found.relu1, forward.values("relu1"), 0, "relu1");
  await client.weight("conv1", "weight", 5, 2);
  forward.weight("conv1", "weight", 5, 2);
  close((await client.values(["linear1"])).linear1, forward.values("linear1"), 0, "after a change");
  equal(await client.edit(insert(graph, "relu2", "conv 16 1x1 relu")), { drawn: ["conv3"] });
  close((await client.values(["relu2"])).relu2, forward.values("relu2"), 0, "after an edit");
  client.close();
});

Deno.test("errors are data, and the worker goes on", async () => {
  const client = started(), graph = parse(NET);
  equal((await rejected(client.values(["gap1"]))).message, "no net has been started");
  equal((await rejected(client.init(graph, {}))).message, "conv1: its weight is not in this document");
  equal(
    (await rejected(client.init(parse("input 4x4x1, conv 3 5x5"), {}, { draw: true }))).message,
    "conv1: a window of 5 does not fit into 4",
  );
  equal((await client.init(graph, {}, { draw: true })).drawn, ["conv1", "bn1", "conv2", "linear1"]);
  equal((await rejected(client.image(new Float32Array(5)))).message, "5 values are given for input");
  equal((await rejected(client.weight("conv1", "weight", 9999, 1))).message, "conv1 has no weight[9999]");
  equal((await rejected(client.values(["gap9"]))).message, 'no layer is called "gap9"');
  equal((await client.values(["gap1"])).gap1.length, 16);
  client.close();
});

/** A port that answers nothing and keeps what was posted. */
class Silent implements Port {
  readonly posted: Request[] = [];
  onmessage = null;
  onerror = null;

  postMessage(request: Request): void {
    this.posted.push(request);
  }

  terminate(): void {}
}

Deno.test("a newer request cancels an older one of its group, and a signal cancels any", async () => {
  const port = new Silent(), client = new Client(port), control = new AbortController();
  const older = rejected(client.values(["a"])), other = rejected(client.values(["b"], { group: "other" }));
  const newer = rejected(client.values(["c"], { signal: control.signal }));
  equal((await older).name, "AbortError");
  control.abort();
  equal((await newer).name, "AbortError");
  client.close();
  equal((await other).name, "AbortError");
  equal((await rejected(client.values(["d"], { signal: control.signal }))).name, "AbortError");
  const said = port.posted.map((one) =>
    one.method === "values" ? one.layers[0] : one.method === "cancel" && one.request
  );
  equal(said, ["a", "b", 1, "c", 4]);
});

Deno.test("a run that is cancelled ends at the next slice", async () => {
  const replies: Reply[] = [], deep = parse("input 64x64x3, 20*( conv 24 3x3 same relu ), gap");
  const service: Service = new Service((reply) => replies.push(reply), async () => {
    await service.answer({ id: 3, method: "cancel", request: 2 });
  });
  await service.answer({ id: 1, method: "init", graph: deep, weights: {}, draw: true });
  await service.answer({ id: 2, method: "values", layers: ["gap1"] });
  equal(replies[1], { id: 2, cancelled: true });
});

Deno.test("a worker answers a request while another one runs", async () => {
  const client = started();
  await client.init(parse("input 64x64x3, 40*( conv 24 3x3 same relu ), gap"), {}, { draw: true });
  const order: string[] = [], slow = client.values(["gap1"], { group: "slow" }).then(() => order.push("slow"));
  await new Promise((resolve) => setTimeout(resolve, 30));
  await client.values(["relu1"]).then(() => order.push("quick"));
  await slow;
  equal(order, ["quick", "slow"]);
  client.close();
});
