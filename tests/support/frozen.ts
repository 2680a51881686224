import { readdirSync, readFileSync } from "node:fs";

/** Whether a process does nothing any more after SIGSTOP: the signal takes effect only when each thread is back from the system. */
export function isFrozen(pid: number): boolean {
  const threads = `/proc/${pid}/task`;
  return readdirSync(threads).every((thread) => {
    const [state] = readFileSync(`${threads}/${thread}/stat`, "latin1").split(") ").at(-1) ?? "";
    return state === "T";
  });
}
