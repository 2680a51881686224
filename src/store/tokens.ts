import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { Access } from "../core/access.ts";
import { quoted, XsError } from "../core/error.ts";
import { parseTokenRequest, type TokenRequest, type TokenScope } from "../core/token.ts";
import { syncPath } from "../lib/fsync.ts";
import { digest } from "../net/token.ts";
import { PRIVATE_FILE } from "./modes.ts";
import { strangerOf } from "./owner.ts";

/** The file in the directory of a store; no export has it. */
const FILE = "tokens";
const MAX_TOKENS = 1000;
const DAY_MS = 24 * 60 * 60 * 1000;
/** The last uses are written so often at most, in ms. */
const USES_MS = 60_000;
/** Timers take no more, in ms. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A token as a list shows it. */
export interface TokenInfo extends TokenScope {
  /** RFC 3339, as the other times. */
  readonly created: string;
  /** Null for never. */
  readonly expires: string | null;
  readonly last_use: string | null;
  /** The days that are left, begun ones included: 0 once it has expired, null for no end. */
  readonly days_left: number | null;
}

/** A line of the file. Times are in ms since 1970. */
interface Row extends TokenScope {
  /** The sha256 of the token, as hex. */
  readonly hash: string;
  readonly created: number;
  readonly expires: number | null;
  readonly used: number | null;
}

/** A token that a request may bring. */
interface Kept {
  row: Row;
  readonly hash: Buffer;
  readonly access: Access;
  timer?: ReturnType<typeof setTimeout>;
}

/** What a request finds for the token that it brings. */
export type FoundToken = Access | "expired" | undefined;

/**
 * The tokens of a store beside that of its owner. They are in a file, as hashes, which this reads again once it has
 * changed. One process at a time may write it: the one that has the lock of the store.
 */
export class Tokens {
  readonly #directory: string;
  readonly #path: string;
  readonly #now: () => number;
  readonly #damaged: (problem: XsError) => void;
  readonly #kept = new Map<string, Kept>();
  /** What the file was when it was read last. */
  #seen = "";
  #problem: XsError | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #usesDue: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param now the clock, in ms
   * @param damaged is called when the file turns out to be damaged, once for each state of it
   */
  constructor(
    directory: string,
    now: () => number = Date.now,
    damaged: (problem: XsError) => void = () => {},
  ) {
    this.#directory = directory;
    this.#damaged = damaged;
    this.#path = join(directory, FILE);
    this.#now = now;
  }

  /** Reads the file now, so that damage is reported before anybody asks. */
  check(): void {
    this.#refresh();
  }

  /** Finds what a request with a token may do, and notes the use. The comparison takes constant time. */
  find(given: string): FoundToken {
    this.#refresh();
    const hash = digest(given);
    let found: Kept | undefined;
    for (const kept of this.#kept.values()) if (timingSafeEqual(kept.hash, hash)) found = kept;
    if (!found) return undefined;
    const now = this.#now();
    const { expires } = found.row;
    if (expires !== null && expires <= now) {
      found.access.end();
      return "expired";
    }
    found.row = { ...found.row, used: now };
    this.#noteUses();
    if (expires !== null) this.#endAt(found, expires);
    return found.access;
  }

  /** Whether a page of an origin may use some token that is still valid. */
  hasOrigin(origin: string): boolean {
    this.#refresh();
    const now = this.#now();
    for (const { row } of this.#kept.values()) {
      if (row.cors === origin && (row.expires === null || row.expires > now)) return true;
    }
    return false;
  }

  /** The tokens, by name. @throws XsError `store_damaged` */
  list(): TokenInfo[] {
    this.#refresh();
    if (this.#problem) throw this.#problem;
    const rows = [...this.#kept.values()].map(({ row }) => row);
    return rows.sort((a, b) => (a.name < b.name ? -1 : 1)).map((row) => this.#info(row));
  }

  /**
   * Makes a token. Resolves, once it would survive a power cut, to what it is and to the token itself, which nothing
   * shows again.
   *
   * @throws XsError `token_exists`, `too_many_tokens`
   */
  add({ days, ...scope }: TokenRequest): Promise<TokenInfo & { readonly token: string }> {
    return this.#change(() => {
      if (this.#kept.has(scope.name)) {
        throw new XsError(
          "token_exists",
          `there is a token ${quoted(scope.name)} already: take another name, or remove it first with  xs token rm ${scope.name}`,
        );
      }
      if (this.#kept.size >= MAX_TOKENS) {
        throw new XsError(
          "too_many_tokens",
          `a store has at most ${MAX_TOKENS} tokens: remove some with  xs token rm NAME`,
        );
      }
      const token = `xs_${randomBytes(32).toString("base64url")}`;
      const created = this.#now();
      const expires = days === undefined ? null : created + days * DAY_MS;
      const row = { ...scope, hash: digest(token).toString("hex"), created, expires, used: null };
      return { rows: [...this.#rows(), row], result: { token, ...this.#info(row) } };
    });
  }

  /** Removes a token, and ends what goes on with it. Resolves to false where there is none of this name. */
  remove(name: string): Promise<boolean> {
    return this.#change(() => {
      const rows = this.#rows().filter((row) => row.name !== name);
      return {
        rows: rows.length < this.#kept.size ? rows : undefined,
        result: this.#kept.has(name),
      };
    });
  }

  /** Writes the last uses, and ends the timers. */
  async close(): Promise<void> {
    for (const { timer } of this.#kept.values()) clearTimeout(timer);
    if (this.#usesDue === undefined) return;
    clearTimeout(this.#usesDue);
    await this.#writeUses();
  }

  #rows(): Row[] {
    return [...this.#kept.values()].map(({ row }) => row);
  }

  /** Changes the file, one change after the other. */
  #change<T>(make: () => { rows: readonly Row[] | undefined; result: T }): Promise<T> {
    const change = this.#writing.then(async () => {
      this.#refresh();
      if (this.#problem) throw this.#problem;
      const { rows, result } = make();
      if (rows) await this.#write(rows);
      return result;
    });
    this.#writing = change.catch(() => {});
    return change;
  }

  async #write(rows: readonly Row[]): Promise<void> {
    const owner = strangerOf(statSync(this.#directory));
    if (owner !== undefined) {
      throw new XsError(
        "store_of_another",
        `${this.#directory} belongs to another user (${owner}): xs does not write there`,
      );
    }
    const next = `${this.#path}-next`;
    try {
      {
        await using file = await open(next, "w", PRIVATE_FILE);
        await file.chmod(PRIVATE_FILE);
        await file.writeFile(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
        await file.sync();
      }
      await rename(next, this.#path);
      this.#take(rows);
      this.#seen = stampOf(this.#path);
      await syncPath(this.#directory);
    } catch (error) {
      const { code = "" } = error as { code?: string };
      if (!["EROFS", "EACCES", "EPERM"].includes(code)) throw error;
      throw new XsError(
        "store_read_only",
        `${this.#path} cannot be written (${code}): tokens are made where the store can be written`,
        { cause: error },
      );
    }
  }

  /** Reads the file again if it is another one than before. */
  #refresh(): void {
    const stamp = stampOf(this.#path);
    if (stamp === this.#seen) return;
    this.#seen = stamp;
    this.#problem = undefined;
    try {
      this.#take(stamp === "" ? [] : rowsIn(readFileSync(this.#path, "utf8")));
    } catch (error) {
      // Nobody gets in by a file that cannot be read.
      this.#take([]);
      this.#problem = new XsError(
        "store_damaged",
        `${this.#path} cannot be read (${(error as Error).message}): restore a copy, or remove it and make new tokens`,
        { cause: error },
      );
      this.#damaged(this.#problem);
    }
  }

  /** Takes rows as the present ones. What goes on with a token that is not among them ends. */
  #take(rows: readonly Row[]): void {
    const before = new Map(this.#kept);
    this.#kept.clear();
    for (const row of rows) {
      const known = before.get(row.name);
      if (known && isSame(known.row, row)) {
        const used = Math.max(known.row.used ?? 0, row.used ?? 0) || null;
        known.row = { ...row, used };
        before.delete(row.name);
        this.#kept.set(row.name, known);
      } else {
        const { hash, created: _, expires: __, used: ___, ...scope } = row;
        this.#kept.set(row.name, {
          row,
          hash: Buffer.from(hash, "hex"),
          access: new Access(scope),
        });
      }
    }
    for (const { access, timer } of before.values()) {
      clearTimeout(timer);
      access.end();
    }
  }

  /** Ends what goes on with a token when it expires. */
  #endAt(kept: Kept, expires: number): void {
    if (kept.timer !== undefined) return;
    const left = expires - this.#now();
    if (left <= 0) {
      kept.access.end();
      return;
    }
    const due = () => {
      delete kept.timer;
      this.#endAt(kept, expires);
    };
    kept.timer = setTimeout(due, Math.min(left, MAX_TIMER_MS));
    kept.timer.unref();
  }

  #noteUses(): void {
    if (this.#usesDue !== undefined) return;
    this.#usesDue = setTimeout(() => void this.#writeUses(), USES_MS);
    this.#usesDue.unref();
  }

  async #writeUses(): Promise<void> {
    this.#usesDue = undefined;
    // A disk that is full has no room for them, and that is no reason to stop.
    await this.#change(() => ({ rows: this.#rows(), result: undefined })).catch(() => {});
  }

  #info({ name, read, append, keys, cors, all, created, expires, used }: Row): TokenInfo {
    const left = expires === null ? null : Math.ceil((expires - this.#now()) / DAY_MS);
    return {
      name,
      read,
      append,
      keys,
      cors,
      all,
      created: timeOf(created),
      expires: expires === null ? null : timeOf(expires),
      last_use: used === null ? null : timeOf(used),
      days_left: left === null ? null : Math.max(0, left),
    };
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function isSame(a: Row, b: Row): boolean {
  const plain = ({ used: _, ...rest }: Row) => JSON.stringify(rest);
  return plain(a) === plain(b);
}

/** Says which file is there, and in what state; empty for none. */
function stampOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false, bigint: true });
  return found ? `${found.ino} ${found.size} ${found.mtimeNs}` : "";
}

/** @throws Error for what is no list of tokens */
function rowsIn(text: string): Row[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line, at) => {
    try {
      const { hash, created, expires, used, ...scope } = JSON.parse(line) as Row;
      const { days: _, ...checked } = parseTokenRequest(scope);
      const isHash = typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash);
      if (!isHash || !isTime(created) || !(expires === null || isTime(expires))) {
        throw new Error("it lacks a hash or a time");
      }
      return { ...checked, hash, created, expires, used: isTime(used) ? used : null };
    } catch (error) {
      throw new Error(`line ${at + 1}: ${(error as Error).message}`);
    }
  });
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
