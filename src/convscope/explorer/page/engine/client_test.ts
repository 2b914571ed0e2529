/** The engine in a worker: values, edits, errors as data, and requests that a newer one cancels. */

import { Client } from "./client.ts";
import type { Port } from "./client.ts";
import { derive } from "./derive.ts";
import { insert } from "./edit.ts";
import { Forward } from "./forward.ts";
import { parse } from "./notation.ts";
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

Deno.test("a newer request cancels an older one that runs, and a signal cancels any", async () => {
  const client = started(), deep = parse("input 64x64x3, 40*( conv 24 3x3 same relu ), gap");
  await client.init(deep, {}, { draw: true });
  const begun = performance.now(), older = rejected(client.values(["gap1"]));
  await new Promise((resolve) => setTimeout(resolve, 30));
  await client.values(["relu1"]);
  equal((await older).name, "AbortError");
  const soon = performance.now() - begun;
  await client.values(["gap1"]);
  const whole = performance.now() - begun;
  if (soon > whole / 2) throw new Error(`cancelled after ${soon} ms, the whole took ${whole} ms`);
  const control = new AbortController();
  await client.weight("conv1", "weight", 0, 1);
  const stopped = rejected(client.values(["gap1"], { signal: control.signal, group: "other" }));
  control.abort();
  equal((await stopped).name, "AbortError");
  equal((await rejected(client.values(["gap1"], { signal: control.signal }))).name, "AbortError");
  equal((await client.values(["gap1"])).gap1.length, 24);
  client.close();
});
