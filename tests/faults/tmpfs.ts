import { mkdirSync } from "node:fs";
import { tempDirectory } from "../support/temp.ts";

function run(...command: string[]): boolean {
  return Bun.spawnSync(command, { stdio: ["ignore", "ignore", "ignore"] }).exitCode === 0;
}

/** Why nothing can be mounted here; undefined where it can. */
export function missingMount(): string | undefined {
  if (process.platform !== "linux") return "tmpfs is for Linux";
  if (process.getuid?.() !== 0) return "only root may mount";
  try {
    using _disk = new Tmpfs("1m");
    return undefined;
  } catch {
    return "nothing may be mounted here";
  }
}

/** A small disk in memory, gone after the test. */
export class Tmpfs implements Disposable {
  readonly path: string;
  readonly #home = tempDirectory();

  /** @param size as `mount` takes it, like `8m` */
  constructor(size: string) {
    this.path = `${this.#home.path}/disk`;
    mkdirSync(this.path);
    if (run("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", this.path)) return;
    this.#home[Symbol.dispose]();
    throw new Error("mount failed");
  }

  remount(how: "ro" | "rw"): void {
    if (!run("mount", "-o", `remount,${how}`, this.path)) throw new Error(`remount,${how} failed`);
  }

  [Symbol.dispose](): void {
    run("umount", "-l", this.path);
    this.#home[Symbol.dispose]();
  }
}
