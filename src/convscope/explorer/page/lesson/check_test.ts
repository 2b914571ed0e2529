import { deepStrictEqual, strictEqual } from "node:assert";
import { type Facts, holds, judged, reached, typed } from "./check.ts";

const facts = (patch: Partial<Facts>): Facts => ({
  now: {},
  shown: {},
  seen: {},
  net: { field: 11, params: 90, macs: null, out: [1, 18, 18] },
  ...patch,
});

Deno.test("a visit asks for every place", () => {
  const wanted = { kind: "visit", key: "unit", values: ["0,0", "0,4"] } as const;
  const at = (...values: string[]) => facts({ seen: { unit: new Set(values) } });
  strictEqual(holds({ ...wanted, values: [...wanted.values] }, at("0,0")), false);
  strictEqual(holds({ ...wanted, values: [...wanted.values] }, at("0,4", "0,2", "0,0")), true);
});

Deno.test("a change is measured against what the step showed", () => {
  strictEqual(
    holds({ kind: "change", key: "kernel" }, facts({ now: { kernel: "blur" }, shown: { kernel: "blur" } })),
    false,
  );
  strictEqual(holds({ kind: "change", key: "kernel" }, facts({ now: { kernel: "blur" } })), true);
});

Deno.test("what is unknown meets no condition", () => {
  const none = { kind: "reach", field: null, params: null, macs: null, out: null } as const;
  const net = facts({}).net;
  strictEqual(reached({ ...none, out: null, field: 11, params: 90 }, net), true);
  strictEqual(reached({ ...none, out: null, field: 12 }, net), false);
  strictEqual(reached({ ...none, out: null, macs: 10 ** 12 }, net), false);
  strictEqual(reached({ ...none, out: [1, 18, 18] }, net), true);
  strictEqual(reached({ ...none, out: [2, 18, 18] }, net), false);
});

Deno.test("numbers are read as they are typed", () => {
  deepStrictEqual(["51,264", "−30", " .5", "1e3", "1 024", "2,5", "", "x"].map(typed), [
    51264,
    -30,
    0.5,
    1000,
    1024,
    null,
    null,
    null,
  ]);
});

Deno.test("an answer is right, has a hint, or neither", () => {
  const question = { kind: "number", ask: "", right: 24, within: 0, hints: { "23": "Add 1." } } as const;
  deepStrictEqual(judged(question, "24"), { right: true, hint: "" });
  deepStrictEqual(judged(question, "23.0"), { right: false, hint: "Add 1." });
  deepStrictEqual(judged(question, "22"), { right: false, hint: "" });
  const choice = { kind: "choice", ask: "", options: ["a", "b"], right: 1, hints: { "0": "No." } } as const;
  deepStrictEqual(judged({ ...choice, options: [...choice.options] }, "0"), { right: false, hint: "No." });
  deepStrictEqual(judged({ ...choice, options: [...choice.options] }, "1"), { right: true, hint: "" });
});
