import { pause } from "../../../lib/pause.ts";

/**
 * How many tabs of one browser follow at once. A browser has six connections to a server for all tabs together, and a
 * following read keeps one: the others are for all else.
 */
const MOST = 4;
const AGAIN_MS = 1000;

let isHeld = false;
let trying: Promise<void> | undefined;

/**
 * Waits until this tab may follow: then it may until it is closed.
 *
 * @param full is called when other tabs have all that there is
 */
export async function shareOfConnections(end: AbortSignal, full: () => void): Promise<void> {
  // Where the browser has no locks, there is no limit.
  while (!isHeld && navigator.locks && !end.aborted) {
    trying ??= takeOne();
    await trying;
    trying = undefined;
    if (isHeld || end.aborted) return;
    full();
    await pause(AGAIN_MS, end);
  }
}

async function takeOne(): Promise<void> {
  for (let n = 0; n < MOST && !isHeld; n++) isHeld = await take(`follow-${n}`);
}

/** Takes a lock and keeps it as long as the tab is there; false where another tab has it. */
function take(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const keep = (lock: Lock | null) => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    };
    navigator.locks.request(name, { ifAvailable: true }, keep).catch(() => resolve(true));
  });
}
