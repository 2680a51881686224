import { useEffect, useRef, useState } from "preact/hooks";
import { isAbort } from "../../lib/ask.ts";
import { readEntry, type Value } from "./entry.ts";

/** The shortest time between two reads of a value that changes all the time, in ms. */
const BETWEEN_MS = 250;

/** A value, and how far it is. */
export interface ReadValue {
  /** Null where there is none. */
  readonly value?: Value | null;
  readonly error?: unknown;
  /** Reads again. */
  readonly again: () => void;
}

/**
 * The value of an entry, read again when its revision changes. One read at a time: a value that changes faster than it
 * is read would else never come.
 */
export function useValue(key: string, rev: string | undefined): ReadValue {
  const [read, setRead] = useState<Omit<ReadValue, "again">>({});
  const reader = useRef<{ again(): void }>({ again: () => {} });
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    let isReading = false;
    let isStale = false;
    const load = async () => {
      if (isReading) {
        isStale = true;
        return;
      }
      isReading = true;
      isStale = false;
      try {
        const value = (await readEntry(key, signal)) ?? null;
        if (!signal.aborted) setRead({ value });
      } catch (error) {
        if (signal.aborted || isAbort(error)) return;
        setRead((before) => ({ ...before, error }));
      }
      setTimeout(() => {
        isReading = false;
        if (isStale && !signal.aborted) void load();
      }, BETWEEN_MS);
    };
    reader.current.again = () => void load();
    return () => ending.abort();
  }, [key]);
  useEffect(() => reader.current.again(), [key, rev]);
  return { ...read, again: () => reader.current.again() };
}
