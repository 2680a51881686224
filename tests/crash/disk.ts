import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Random } from "../support/random.ts";
import { type SystemCall, textsIn, wordsIn } from "./trace.ts";

/** Something that was done to a file or a directory and is durable only after a sync. */
interface Change {
  readonly start: number;
  readonly end: number;
  /** When a sync that began after it had ended; Infinity for never. */
  durable: number;
}

/** Bytes at a place, or, without them, a new size. */
interface Write extends Change {
  readonly at: number;
  readonly bytes: Buffer | undefined;
}

/** Names that get another file, or none; a rename is one change of two names. */
interface Naming extends Change {
  readonly names: readonly (readonly [Node, string, Node | undefined])[];
}

interface Sync {
  readonly start: number;
  readonly end: number;
}

/** A file or a directory, whatever names it has. */
class Node {
  readonly isDirectory: boolean;
  readonly writes: Write[] = [];
  readonly syncs: Sync[] = [];
  /** As the process sees it. */
  size = 0;
  readonly entries = new Map<string, Node>();

  constructor(isDirectory: boolean) {
    this.isDirectory = isDirectory;
  }
}

interface OpenFile {
  readonly node: Node | undefined;
  readonly path: string;
  readonly append: boolean;
  position: number;
}

/** How much of what was not synced a power cut leaves. */
export type Mercy = "none" | "some" | "torn" | "all";

/** What a disk writes in one piece, in bytes. */
const PIECES = [512, 4096] as const;

/**
 * A disk that promises no more than POSIX does. What was written to a file is there after a power cut
 * if a sync of the file, or of the whole file system, began after the write and has ended; a name,
 * if a sync of its directory did. Anything else may be there, in part, in any order, or not at all.
 * A rename happens as a whole, and is durable with the directory of the new name.
 *
 * Built from the system calls of a process. What is mapped into memory is not seen: that is the
 * `-shm` file, which SQLite makes anew.
 */
export class Disk {
  readonly #root: string;
  readonly #top = new Node(true);
  readonly #namings: Naming[] = [];
  readonly #nodes: Node[] = [this.#top];
  readonly #syncs: Sync[] = [];
  #open = new Map<number, OpenFile>();
  /** How many changes and syncs were seen. */
  readonly counts = { writes: 0, names: 0, syncs: 0 };

  /** @param root a directory that is there, empty, and durable from the start */
  constructor(root: string) {
    this.#root = root;
  }

  /** Takes the calls of one process after another. */
  record(calls: readonly SystemCall[]): void {
    this.#open = new Map();
    // An open gives its number at its end; a close takes it back as it begins.
    const moment = ({ name, start, end }: SystemCall) => (/^(open|creat)/.test(name) ? end : start);
    for (const call of calls.toSorted((a, b) => moment(a) - moment(b))) this.#take(call);
    for (const { writes, syncs } of this.#nodes) settle(writes, [...syncs, ...this.#syncs]);
    for (const naming of this.#namings) {
      settle([naming], [...(naming.names[0]?.[0].syncs ?? []), ...this.#syncs]);
    }
  }

  #take(call: SystemCall): void {
    const { name, args, result, start, end } = call;
    const words = wordsIn(args);
    const file = this.#open.get(Number(words[0]));
    const node = file?.node;
    switch (name) {
      case "open":
      case "creat":
        this.#opened(call, textsIn(args)[0]?.toString() ?? "", words[1] ?? "");
        break;
      case "openat":
        this.#opened(call, this.#pathAt(words[0], textsIn(args)[0]), words[2] ?? "");
        break;
      case "close":
        this.#open.delete(Number(words[0]));
        break;
      case "write":
      case "writev":
        if (!file || !node) break;
        if (file.append) file.position = node.size;
        this.#write(node, call, file.position, Buffer.concat(textsIn(args)));
        file.position += result;
        break;
      case "pwrite64":
      case "pwritev":
        if (node) this.#write(node, call, Number(words.at(-1)), Buffer.concat(textsIn(args)));
        break;
      case "ftruncate":
        if (node) this.#resize(node, call, Number(words[1]));
        break;
      case "fsync":
      case "fdatasync":
        if (node) node.syncs.push({ start, end });
        this.counts.syncs += node ? 1 : 0;
        break;
      case "sync":
      case "syncfs":
        this.#syncs.push({ start, end });
        this.counts.syncs++;
        break;
      case "mkdir":
        this.#name(call, textsIn(args)[0]?.toString() ?? "", new Node(true));
        break;
      case "mkdirat":
        this.#name(call, this.#pathAt(words[0], textsIn(args)[0]), new Node(true));
        break;
      case "unlink":
      case "rmdir":
        this.#name(call, textsIn(args)[0]?.toString() ?? "", undefined);
        break;
      case "unlinkat":
        this.#name(call, this.#pathAt(words[0], textsIn(args)[0]), undefined);
        break;
      case "rename":
        this.#rename(call, ...this.#two(textsIn(args)));
        break;
      case "renameat":
      case "renameat2":
        this.#rename(
          call,
          this.#pathAt(words[0], textsIn(args)[0]),
          this.#pathAt(words[2], textsIn(args)[1]),
        );
        break;
      case "sendto":
      case "sendmsg":
      case "splice":
        break;
      default:
        // What this model knows nothing of must not touch the store.
        if (node || textsIn(args).some((text) => this.#isInside(text.toString()))) {
          throw new Error(`the model has no ${name}`);
        }
    }
  }

  #two([from, to]: Buffer[]): [string, string] {
    return [from?.toString() ?? "", to?.toString() ?? ""];
  }

  #isInside(path: string): boolean {
    return `${path}/`.startsWith(`${this.#root}/`);
  }

  #pathAt(directory: string | undefined, text: Buffer | undefined): string {
    const path = text?.toString() ?? "";
    if (directory === "AT_FDCWD") return path;
    return resolve(this.#open.get(Number(directory))?.path ?? "/", path);
  }

  #nodeAt(path: string): Node | undefined {
    const names = path.slice(this.#root.length).split("/").filter(Boolean);
    let node: Node | undefined = this.#top;
    for (const name of names) node = node?.entries.get(name);
    return node;
  }

  #opened(call: SystemCall, path: string, flags: string): void {
    if (Number.isNaN(call.result)) return;
    let node: Node | undefined;
    if (this.#isInside(path)) {
      node = this.#nodeAt(path);
      if (!node) {
        node = new Node(false);
        this.#name(call, path, node);
      } else if (flags.includes("O_TRUNC") && node.size > 0) {
        this.#resize(node, call, 0);
      }
    }
    if (this.#open.has(call.result)) throw new Error(`the trace is out of order at ${path}`);
    const append = flags.includes("O_APPEND");
    this.#open.set(call.result, { node, path, append, position: 0 });
  }

  #write(node: Node, { start, end, result }: SystemCall, at: number, bytes: Buffer): void {
    if (!Number.isSafeInteger(at)) throw new Error(`the model has no place for a write at ${at}`);
    const written = Number.isNaN(result) ? bytes : bytes.subarray(0, result);
    node.writes.push({ start, end, durable: Infinity, at, bytes: written });
    node.size = Math.max(node.size, at + written.length);
    this.counts.writes++;
  }

  #resize(node: Node, { start, end }: SystemCall, size: number): void {
    node.writes.push({ start, end, durable: Infinity, at: size, bytes: undefined });
    node.size = size;
    this.counts.writes++;
  }

  #name(call: SystemCall, path: string, node: Node | undefined): void {
    this.#change(call, [[path, node]]);
  }

  #rename(call: SystemCall, from: string, to: string): void {
    const node = this.#isInside(from) ? this.#nodeAt(from) : undefined;
    if (node)
      this.#change(call, [
        [to, node],
        [from, undefined],
      ]);
  }

  #change({ start, end }: SystemCall, paths: [string, Node | undefined][]): void {
    const names: [Node, string, Node | undefined][] = [];
    for (const [path, node] of paths) {
      if (!this.#isInside(path)) continue;
      const directory = this.#nodeAt(dirname(path));
      if (!directory) throw new Error(`the model has no directory for ${path}`);
      const name = path.slice(path.lastIndexOf("/") + 1);
      names.push([directory, name, node]);
      if (node) directory.entries.set(name, node);
      else directory.entries.delete(name);
      if (node && !this.#nodes.includes(node)) this.#nodes.push(node);
    }
    if (names.length > 0) this.#namings.push({ start, end, durable: Infinity, names });
    this.counts.names++;
  }

  /** Writes to a directory what a power cut at a moment leaves of the root. */
  restore(target: string, moment: number, mercy: Mercy, random: Random): void {
    const entries = new Map<Node, Map<string, Node>>();
    for (const naming of this.#namings) {
      if (naming.start >= moment) continue;
      if (naming.durable > moment && !isSpared(mercy, random)) continue;
      for (const [directory, name, node] of naming.names) {
        const names = entries.get(directory) ?? new Map<string, Node>();
        entries.set(directory, names);
        if (node) names.set(name, node);
        else names.delete(name);
      }
    }
    const write = (directory: Node, path: string) => {
      mkdirSync(path, { recursive: true });
      for (const [name, node] of entries.get(directory) ?? []) {
        if (name.endsWith("-shm") || name === "sock") continue;
        if (node.isDirectory) write(node, join(path, name));
        else writeFileSync(join(path, name), contentsOf(node, moment, mercy, random));
      }
    };
    write(this.#top, target);
  }
}

/** Notes when each change was made durable. */
function settle(changes: readonly Change[], syncs: readonly Sync[]): void {
  for (const change of changes) {
    change.durable = syncs.reduce(
      (first, { start, end }) => (start >= change.end ? Math.min(first, end) : first),
      Infinity,
    );
  }
}

function isSpared(mercy: Mercy, random: Random): boolean {
  return mercy === "all" || (mercy !== "none" && random.chance(0.5));
}

function contentsOf(node: Node, moment: number, mercy: Mercy, random: Random): Buffer {
  const most = Math.max(0, ...node.writes.map(({ at, bytes }) => at + (bytes?.length ?? 0)));
  const contents = Buffer.alloc(most);
  let size = 0;
  for (const { start, durable, at, bytes } of node.writes) {
    if (start >= moment) continue;
    const isDurable = durable <= moment;
    const isTorn = bytes !== undefined && !isDurable && mercy === "torn";
    if (!isDurable && !isTorn && !isSpared(mercy, random)) continue;
    if (!bytes) {
      contents.fill(0, Math.min(at, size), size);
      size = at;
      continue;
    }
    for (const [from, to] of isTorn ? torn(at, bytes, random) : [[0, bytes.length] as const]) {
      bytes.copy(contents, at + from, from, to);
      size = Math.max(size, at + to);
    }
  }
  return contents.subarray(0, size);
}

type Piece = readonly [from: number, to: number];

/** Some pieces of a write, as the disk has its pieces. */
function torn(at: number, bytes: Buffer, random: Random): Piece[] {
  const size = random.pick(PIECES);
  const pieces: Piece[] = [];
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + size - ((at + from) % size));
    if (random.chance(0.5)) pieces.push([from, to]);
    from = to;
  }
  return pieces;
}
