import { readFileSync } from "node:fs";

/** SIGHUP is signal 1, which is the lowest bit of a signal set. */
const HANGUP_BIT = 1n;

/**
 * Waits for the first signal that asks for an orderly stop: SIGINT, SIGTERM, or SIGHUP of a terminal that
 * closes. Call it once, before anything else handles these signals.
 */
export function stopSignal(): Promise<string> {
  const first = next(["SIGINT", "SIGTERM"]);
  if (isHangupIgnored()) return first;
  const { promise, resolve } = Promise.withResolvers<string>();
  // The handler stays: a terminal that closes may send several hangups, and none may kill the server.
  process.on("SIGHUP", () => resolve("SIGHUP"));
  return Promise.race([first, promise]);
}

/** Waits for the next SIGINT or SIGTERM: a person does not want to wait for the orderly stop. */
export function secondSignal(): Promise<string> {
  return next(["SIGINT", "SIGTERM"]);
}

function next(names: readonly NodeJS.Signals[]): Promise<string> {
  return new Promise((resolve) => {
    for (const name of names) process.once(name, () => resolve(name));
  });
}

/** Whether SIGHUP is ignored, as under nohup. A handler would end that, so call this before one is set. */
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
