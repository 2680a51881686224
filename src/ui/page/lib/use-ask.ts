import { useEffect, useState } from "preact/hooks";
import { isAbort, isPassing } from "./ask.ts";
import { liveState } from "./live.ts";

/** What a part of the page asked for, and how far that is. */
export interface Asked<T> {
  readonly value?: T;
  readonly error?: unknown;
  readonly isLoading: boolean;
}

/**
 * Asks when a part of the page appears, and again when what it depends on changes. What is no longer wanted is
 * cancelled. The value before stays until the new one is there. Where nothing answers, it asks again once the page is live.
 */
export function useAsk<T>(
  load: (signal: AbortSignal) => Promise<T>,
  depends: readonly unknown[],
): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({ isLoading: true });
  const [tries, setTries] = useState(0);
  const waits = isPassing(asked.error);
  const isLive = liveState.value === "live";
  useEffect(() => {
    if (waits && isLive) setTries((before) => before + 1);
  }, [waits, isLive]);
  useEffect(() => {
    const ending = new AbortController();
    setAsked((before) => ({ ...before, isLoading: true }));
    load(ending.signal).then(
      (value) => !ending.signal.aborted && setAsked({ value, isLoading: false }),
      (error) => {
        if (!ending.signal.aborted && !isAbort(error)) setAsked({ error, isLoading: false });
      },
    );
    return () => ending.abort();
  }, [...depends, tries]);
  return asked;
}
