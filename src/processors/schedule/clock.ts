/** The clock that schedules run by. */
export interface Clock {
  /** The time of day, in ms since 1970. It may step: somebody sets it, or the machine wakes from sleep. */
  now(): number;
  /** Resolves after a time, or when the signal is aborted. Time of the machine's sleep may not count. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The clock of the system. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      signal.addEventListener("abort", wake);
      if (signal.aborted) wake();
    }),
};
