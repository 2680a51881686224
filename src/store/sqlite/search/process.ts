import { Database } from "bun:sqlite";
import { rmSync } from "node:fs";
import { setPriority } from "node:os";
import { libc } from "../../../lib/libc.ts";
import { takeName } from "../../../lib/self.ts";
import { makePrivateFile } from "../own-files.ts";
import { Finder } from "./finder.ts";
import { isDamage, removeUnusable } from "./index-file.ts";
import { Indexer } from "./indexer.ts";
import type { FromSearch, SearchPlaces, ToSearch } from "./messages.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;
/** How long the process that indexes waits for one of a server that was killed to be gone, in ms. */
const LOCK_WAIT_MS = 10_000;
/** The niceness of the process that indexes. */
const LOW_PRIORITY = 10;

/**
 * Answers the requests of a store to its search, one after another: those that change the index, or those that search
 * in it. It ends with the process that started it, even within a query.
 *
 * @param args the places, as JSON
 */
export async function runSearch([json = "{}"]: readonly string[]): Promise<never> {
  takeName();
  if (process.platform === "linux") libc("prctl")?.(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  process.on("disconnect", () => process.exit(0));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const server = new SearchServer(JSON.parse(json) as SearchPlaces);
  process.on("message", (message: ToSearch) => server.take(message));
  return new Promise<never>(() => {});
}

class SearchServer {
  readonly #places: SearchPlaces;
  #finder: Finder | undefined;
  #indexer: Indexer | undefined;
  /** Held until the process ends. */
  #lock: Database | undefined;
  #mark: PromiseWithResolvers<string> | undefined;

  constructor(places: SearchPlaces) {
    this.#places = places;
  }

  take(message: ToSearch): void {
    if ("mark" in message) {
      const { mark } = message;
      if (mark === null) this.#mark?.reject(Object.assign(new Error(), { code: "SQLITE_FULL" }));
      else this.#mark?.resolve(mark);
    } else if ("end" in message) {
      this.#finder?.[Symbol.dispose]();
      this.#indexer?.[Symbol.dispose]();
      process.exit(0);
    } else {
      this.#answer(message).then(send, (error) => send(failureOf(error)));
    }
  }

  async #answer(
    message: Exclude<ToSearch, { mark: unknown } | { end: true }>,
  ): Promise<FromSearch> {
    if ("find" in message) {
      this.#finder ??= new Finder(this.#places);
      return this.#finder.find(message.find);
    }
    const indexer = this.#writer();
    if ("index" in message) {
      const { ends, marks, ms } = message.index;
      return { indexed: indexer.index(ends, marks, ms) };
    }
    if ("drop" in message) {
      indexer.drop(message.drop.marks);
      return { swept: null };
    }
    if ("clean" in message) {
      indexer.clean(message.clean.marks);
      return { swept: null };
    }
    if ("check" in message) {
      return { checked: checked(indexer, message.check.marks) };
    }
    const { marks, from, ms } = message.sweep;
    const newMark = () => {
      this.#mark = Promise.withResolvers();
      send({ mark: true });
      return this.#mark.promise;
    };
    return { swept: await indexer.sweep(marks, from, ms, newMark) };
  }

  #writer(): Indexer {
    if (this.#indexer) return this.#indexer;
    this.#lock ??= takeLock(this.#places.index);
    try {
      setPriority(LOW_PRIORITY);
    } catch {
      // It is not lower than it was.
    }
    this.#indexer = new Indexer(this.#places);
    return this.#indexer;
  }
}

/** Nobody else writes the index while this is held: the kernel drops it with the process. */
function takeLock(index: string): Database {
  const path = `${index}-lock`;
  removeUnusable(path);
  try {
    return locked(path);
  } catch (error) {
    if (!isDamage(error)) throw error;
    // Nobody can hold what is no database.
    rmSync(path);
    return locked(path);
  }
}

function locked(path: string): Database {
  makePrivateFile(path);
  const db = new Database(path, { create: true });
  try {
    db.run(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`);
    db.run("BEGIN EXCLUSIVE");
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function checked(indexer: Indexer, marks: readonly string[]): readonly string[] {
  try {
    return indexer.check(marks);
  } catch (error) {
    if (isDamage(error)) return [(error as Error).message];
    throw error;
  }
}

function failureOf(error: unknown): FromSearch {
  const { message = String(error), code = "" } = error as { message?: string; code?: string };
  return { failed: { message, code: isDamage(error) ? "damaged" : code } };
}

function send(message: FromSearch): void {
  if (process.connected) process.send?.(message);
}
