import { ptr } from "bun:ffi";
import { closeSync, readSync } from "node:fs";
import { libc } from "../../lib/libc.ts";

/** inotify(7): a file was renamed, or its links changed, as when its name is removed. Not: it was written. */
const MOVED_OR_REMOVED = 0x800 | 0x400 | 0x4;
/** IN_NONBLOCK and IN_CLOEXEC. */
const HOW = 0o4000 | 0o2000000;
const POLLIN = 1;

type Call = NonNullable<ReturnType<typeof libc>>;

/**
 * Notices at almost no cost when files of a store may have been moved or removed. Linux only. It does not notice a
 * move of a folder above them.
 */
export class Moves {
  readonly #fd: number;
  readonly #poll: Call;
  readonly #add: Call;
  /** A struct pollfd: the descriptor, the requested events, the returned events. */
  readonly #asked = new Int32Array(2);
  readonly #answer = new Int16Array(this.#asked.buffer, 4, 2);
  readonly #pointer = ptr(this.#asked);

  private constructor(fd: number, poll: Call, add: Call) {
    this.#fd = fd;
    this.#poll = poll;
    this.#add = add;
    this.#asked[0] = fd;
    this.#answer[0] = POLLIN;
  }

  /** Watches files and folders. Undefined where the system has no inotify, or has reached its limit. */
  static watch(paths: Iterable<string>): Moves | undefined {
    if (process.platform !== "linux") return undefined;
    const [init, add, poll] = [libc("inotify_init1"), libc("inotify_add_watch"), libc("poll")];
    if (!init || !add || !poll) return undefined;
    const fd = init(HOW);
    if (fd < 0) return undefined;
    const moves = new Moves(fd, poll, add);
    for (const path of paths) {
      if (moves.add(path)) continue;
      moves.close();
      return undefined;
    }
    return moves;
  }

  /** Watches a file or folder. Returns false where the system refuses that. */
  add(path: string): boolean {
    return this.#add(this.#fd, ptr(Buffer.from(`${path}\0`)), MOVED_OR_REMOVED) >= 0;
  }

  /** Whether a watched file may have been moved or removed since the last call. */
  any(): boolean {
    if (this.#poll(this.#pointer, 1, 0) === 0) return false;
    try {
      readSync(this.#fd, Buffer.alloc(4096));
    } catch {
      // No event was waiting.
    }
    return true;
  }

  close(): void {
    closeSync(this.#fd);
  }
}
