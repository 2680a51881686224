import { useEffect, useState } from "preact/hooks";
import { isAbort } from "./ask.ts";
import { heard } from "./heard.ts";

/** An answer that takes long is asked for less often: at most this part of the time. */
const SHARE = 20;

/** What a part of the page asked for, and why there is none. */
export interface Refreshed<T> {
  readonly value: T | undefined;
  readonly error: unknown;
}

/**
 * Asks when a part of the page appears and, while it is visible, again after frames came live. The value before stays
 * until the new one is there.
 *
 * @param againMs the shortest time between two questions
 */
export function useRefreshed<T>(
  load: (signal: AbortSignal) => Promise<T>,
  againMs: number,
  depends: readonly unknown[],
): Refreshed<T> {
  const [state, setState] = useState<Refreshed<T>>({ value: undefined, error: undefined });
  useEffect(() => {
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let seen = -1;
    const ask = async () => {
      const started = performance.now();
      if (heard.peek() !== seen && !document.hidden) {
        const now = heard.peek();
        try {
          const value = await load(ending.signal);
          if (!ending.signal.aborted) setState({ value, error: undefined });
          seen = now;
        } catch (error) {
          if (isAbort(error) || ending.signal.aborted) return;
          setState((before) => ({ ...before, error }));
        }
      }
      if (ending.signal.aborted) return;
      const took = performance.now() - started;
      timer = setTimeout(() => void ask(), Math.max(againMs, took * SHARE));
    };
    void ask();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, depends);
  return state;
}
