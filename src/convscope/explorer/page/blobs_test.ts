import { Blobs, sha256 } from "./blobs.ts";
import { Trouble } from "./trouble.ts";

Deno.test("SHA-256 is that of the platform, at every length around a block", async () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const data = Uint8Array.from({ length }, (_, i) => (i * 31) & 255);
    const wanted = [...new Uint8Array(await crypto.subtle.digest("SHA-256", data))]
      .map((value) => value.toString(16).padStart(2, "0")).join("");
    if (sha256(data) !== wanted) throw new Error(`${length} bytes: ${sha256(data)} is not ${wanted}`);
  }
});

Deno.test("a blob that is damaged or missing is said to be", () => {
  const good = btoa("abc"), key = sha256(new TextEncoder().encode("abc"));
  if (new Blobs({ [key]: good }).bytes(key, "Image 1").length !== 3) throw new Error("three bytes");
  const wrong: [Record<string, string>, string][] = [[{ [key]: btoa("abd") }, "SHA-256"], [{ [key]: "@" }, "decoded"], [
    {},
    "not in",
  ]];
  for (const [inside, words] of wrong) {
    try {
      new Blobs(inside).bytes(key, "Image 1");
    } catch (error) {
      if (error instanceof Trouble && error.message.startsWith("Image 1") && error.message.includes(words)) continue;
    }
    throw new Error(`no word of ${words}`);
  }
});
