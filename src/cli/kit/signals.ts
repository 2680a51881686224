import { readFileSync } from "node:fs";

/** SIGHUP is the first signal, and so the lowest bit of a set of them. */
const HANGUP_BIT = 1n;

/**
 * Waits for the first signal to stop in good order: SIGINT, SIGTERM, or the hangup of a terminal. To
 * be called once, before anything else has a handler for them.
 */
export function stopSignal(): Promise<string> {
  const first = next(["SIGINT", "SIGTERM"]);
  if (isHangupIgnored()) return first;
  const { promise, resolve } = Promise.withResolvers<string>();
  // It stays for good: a terminal that closes may send several, and none of them is to kill.
  process.on("SIGHUP", () => resolve("SIGHUP"));
  return Promise.race([first, promise]);
}

/** Waits for the signal of a person who does not want to wait for that. */
export function secondSignal(): Promise<string> {
  return next(["SIGINT", "SIGTERM"]);
}

function next(names: readonly NodeJS.Signals[]): Promise<string> {
  return new Promise((resolve) => {
    for (const name of names) process.once(name, () => resolve(name));
  });
}

/** As under nohup. A handler would bring the signal to life, and it does not show afterwards. */
function isHangupIgnored(): boolean {
  if (process.platform !== "linux") return false;
  try {
    const [, ignored] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(
      readFileSync("/proc/self/status", "utf8"),
    ) ?? [undefined, "0"];
    return (BigInt(`0x${ignored}`) & HANGUP_BIT) !== 0n;
  } catch {
    return false;
  }
}
