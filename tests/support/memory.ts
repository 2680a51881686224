import { heapStats } from "bun:jsc";
import { readFileSync } from "node:fs";

/** Memory of a process that no file stands behind, in MB; 0 where the system does not tell. */
export function memoryOf(pid: number): number {
  if (process.platform !== "linux") return 0;
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
}

/** How many bytes of this process are live. What of the rest the system has back depends on how busy the machine is. */
export function liveBytes(): number {
  Bun.gc(true);
  const { heapSize, extraMemorySize } = heapStats();
  return heapSize + extraMemorySize;
}
