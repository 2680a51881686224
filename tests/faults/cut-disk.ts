import { dlopen, FFIType, ptr } from "bun:ffi";
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDirectory } from "../support/temp.ts";

/** EXT4_IOC_SHUTDOWN, and its flag by which not even the journal of the file system is written. */
const SHUTDOWN = 0x8004587d;
const WITHOUT_JOURNAL = 2;

function run(...command: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync([...command], { stdout: "ignore" });
  if (exitCode !== 0) throw new Error(`${command[0]}: ${stderr}`.trim());
}

/** Why the power of a disk cannot be cut here; undefined where it can. */
export function missingCut(): string | undefined {
  if (process.platform !== "linux") return "ext4 is for Linux";
  if (process.getuid?.() !== 0) return "only root may mount";
  try {
    using disk = new CutDisk(16);
    disk.cut();
    return undefined;
  } catch (error) {
    return `no ext4 may be mounted and cut off here: ${(error as Error).message}`;
  }
}

/** A disk of its own, with ext4, whose power can be cut: what was not synced is gone. Gone after the test. */
export class CutDisk implements Disposable {
  readonly path: string;
  readonly #home = tempDirectory();
  readonly #image: string;

  /** @param size in MB */
  constructor(size: number) {
    this.path = join(this.#home.path, "disk");
    this.#image = join(this.#home.path, "image");
    try {
      mkdirSync(this.path);
      writeFileSync(this.#image, "");
      truncateSync(this.#image, size * 1_048_576);
      run("mkfs.ext4", "-q", "-F", this.#image);
      this.#mount();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Nothing more reaches the disk, and what did not yet is lost. Whoever writes gets EIO. */
  cut(): void {
    const libc = dlopen("libc.so.6", {
      ioctl: { args: [FFIType.i32, FFIType.u64, FFIType.ptr], returns: FFIType.i32 },
    });
    const descriptor = openSync(this.path, "r");
    try {
      const flags = new Uint32Array([WITHOUT_JOURNAL]);
      if (libc.symbols.ioctl(descriptor, SHUTDOWN, ptr(flags)) !== 0) {
        throw new Error("the file system cannot be shut down");
      }
    } finally {
      closeSync(descriptor);
      libc.close();
    }
  }

  /** The power is back. Returns whether it could be: nobody may have a file open. */
  restore(): boolean {
    if (Bun.spawnSync(["umount", this.path], { stderr: "ignore" }).exitCode !== 0) return false;
    this.#mount();
    return true;
  }

  #mount(): void {
    run("mount", "-o", "loop", this.#image, this.path);
  }

  [Symbol.dispose](): void {
    Bun.spawnSync(["umount", "-l", this.path], { stderr: "ignore" });
    rmSync(this.#home.path, { recursive: true, force: true });
  }
}
