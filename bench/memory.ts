import { readFileSync } from "node:fs";

/** The memory a process has for itself, files not counted, in MB (of 1024 * 1024 bytes). */
export function rssAnon(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
}
