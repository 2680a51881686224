import { readFileSync } from "node:fs";

/** Anonymous memory of a process, in MiB: what it holds beyond the files it maps. */
export function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}
