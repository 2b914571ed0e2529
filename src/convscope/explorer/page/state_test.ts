import { fromHash, type Keeper, type Selection, START, Store, toHash } from "./state.ts";

const same = (found: unknown, wanted: unknown): void => {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
};

const paused = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A keeper that remembers what was written, with a back button. */
class Kept implements Keeper {
  entries: string[];
  writes = 0;
  #changed = () => {};

  constructor(text: string) {
    this.entries = [text];
  }

  read(): string {
    return this.entries.at(-1) ?? "";
  }

  write(text: string, push: boolean): void {
    this.writes += 1;
    if (!push) this.entries.pop();
    this.entries.push(text);
  }

  heard(changed: () => void): () => void {
    this.#changed = changed;
    return () => {};
  }

  back(): void {
    this.entries.pop();
    this.#changed();
  }
}

Deno.test("a selection survives the address, hostile names included", () => {
  const names = ["conv1", "a&b=c#d%", "</script><b>", "layer1.0.conv1", "\u65e5\u672c \u{1f600} +", "a,b:c/d", "%25"];
  for (const name of names) {
    const given: Selection = {
      ...START,
      view: "reach",
      layer: name,
      channel: 3,
      unit: [4, 0],
      image: 7,
      class: 0,
      cell: [4, 9],
      step: 120,
      run: "run-1",
      edit: "input 8x8x1, conv 2 3x3\nrelu",
      object: 20,
      field: "weight",
      budget: "macs:2000000",
    };
    same(fromHash(`#${toHash(given)}`), given);
  }
});

Deno.test("what is as at the start is left out, and what is malformed is as at the start", () => {
  same(toHash(START), "view=map");
  same(fromHash(""), START);
  same(fromHash("#unit=1&image=-3&class=x&layer=%E0%A4%A&__proto__=1&nothing&toString=2"), START);
  same(fromHash("view=reach&unit=1,2").unit, [1, 2]);
});

Deno.test("the address is written once for many changes, and back returns to the step before", async () => {
  const kept = new Kept("view=map");
  const store = new Store(kept);
  store.set({ layer: "conv1" });
  for (let x = 0; x < 50; x++) store.set({ unit: [0, x] }, "glide");
  await paused(200);
  same([kept.writes, kept.entries], [1, ["view=map", "view=map&layer=conv1&unit=0,49"]]);
  store.set({ unit: [1, 1] }, "glide");
  store.close();
  same(kept.entries.length, 2);
  kept.back();
  same(store.now, START);
});

Deno.test("undo takes back changes and not where the reader looks; a drag is one change", () => {
  const store = new Store(new Kept(""));
  store.set({ layer: "conv1" });
  same(store.canUndo.value, false);
  store.set({ edit: "one" });
  for (let side = 10; side < 20; side++) store.set({ object: side }, "glide");
  store.set({ view: "reach" });
  store.undo();
  same([store.now.object, store.now.edit, store.now.view], [null, "one", "reach"]);
  store.undo();
  same([store.now.edit, store.canUndo.value, store.canRedo.value], ["", false, true]);
  store.redo();
  store.redo();
  same([store.now.object, store.now.edit, store.canRedo.value], [19, "one", false]);
  store.set({ edit: "two" }, "glide", "conv1 kernel");
  store.set({ edit: "three" }, "glide", "conv1 stride");
  store.undo();
  same(store.now.edit, "two");
  store.undo();
  store.undo();
  store.set({ budget: "macs:5" });
  same(store.canRedo.value, false);
  store.close();
});
