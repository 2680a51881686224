/** Waits for some time, in ms, or until a signal is aborted. */
export function pause(ms: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      // The signal may outlive many pauses.
      end.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    end.addEventListener("abort", done);
  });
}
