// What is computed in the background for what is shown now; what is shown no longer is cancelled.

import { useEffect, useState } from "preact/hooks";
import { Trouble } from "../trouble.ts";

/** A result; a sentence where there is none; null while it is computed. */
export type Later<T> = { value: T } | { sentence: string } | null;

/** Compute a value when what it depends on has changed; `step` shows a part of it early. */
export function useLater<T>(
  compute: (signal: AbortSignal, step: (part: T) => void) => Promise<T>,
  on: readonly unknown[],
): Later<T> {
  const [found, finds] = useState<Later<T>>(null);
  useEffect(() => {
    const stop = new AbortController();
    const show = (value: T): void => {
      if (!stop.signal.aborted) finds({ value });
    };
    finds(null);
    compute(stop.signal, show).then(show, (error: unknown) => {
      if (stop.signal.aborted) return;
      finds({ sentence: error instanceof Trouble ? error.message : `This could not be computed: ${String(error)}` });
    });
    return () => stop.abort();
  }, on);
  return found;
}
