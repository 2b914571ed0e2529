// The worker of the page: its own script again, which finds that there is nothing to draw on.

let given = "";

/** The most multiply-adds of a net that runs in the page [MAC]; Python leaves out the weights of larger ones. */
export const MOST = 100_000_000;

/** Take the script as text, where a widget has it: its address is not good for long. */
export function scripted(text: string): void {
  given = text;
}

/** A module as a plain script: a page on disk, or in a frame without an origin, can start no worker that is a module. */
const plain = (module: string): string =>
  `(async () => {${module.replace(/export\s*\{[^{}]*\};?\s*$/, "").replace(/import\.meta\.url/g, '""')}\n})();`;

/** Start the worker. A page in one file has its script inside; elsewhere it is the module that runs. */
export function worker(): Worker {
  const inside = given || document.getElementById("convscope-page")?.textContent;
  if (!inside) return new Worker(import.meta.url, { type: "module" });
  const url = URL.createObjectURL(new Blob([plain(inside)], { type: "text/javascript" }));
  const started = new Worker(url);
  started.addEventListener("message", () => URL.revokeObjectURL(url), { once: true });
  return started;
}
