import { linkSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fenced, type Following, type Journal } from "../../src/store/journal/journal.ts";

/** A journal whose records are files, one each: what stands there outlives the processes that wrote it. */
export class DirectoryJournal implements Journal {
  readonly maxRecord = 1_000_000;
  readonly #path: string;
  readonly #followings = new Set<() => void>();

  constructor(path: string) {
    this.#path = path;
    mkdirSync(path, { recursive: true });
  }

  async append(expected: number, record: Uint8Array): Promise<number> {
    const position = expected + 1;
    const draft = join(this.#path, `draft-${crypto.randomUUID()}`);
    writeFileSync(draft, record);
    try {
      // It fails where there is a file: one record is first.
      linkSync(draft, this.#file(position));
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
      const there = readFileSync(this.#file(position));
      if (Buffer.compare(there, record) !== 0) throw new Fenced(`another record is at ${position}`);
    } finally {
      unlinkSync(draft);
    }
    return position;
  }

  follow(
    after: number,
    each: (position: number, record: Uint8Array) => Promise<void> | void,
  ): Following {
    let isStopped = false;
    const ended = (async () => {
      for (let position = after + 1; !isStopped; ) {
        const record = await this.get(position);
        if (record) await each(position++, record);
        else await Bun.sleep(1);
      }
    })();
    ended.catch(() => {});
    const stop = () => {
      isStopped = true;
    };
    this.#followings.add(stop);
    return { ended, stop };
  }

  async get(position: number): Promise<Uint8Array | undefined> {
    try {
      return readFileSync(this.#file(position));
    } catch {
      return undefined;
    }
  }

  async extent(): Promise<{ first: number; last: number }> {
    const records = readdirSync(this.#path).filter((name) => /^[0-9]+$/.test(name));
    return { first: 1, last: Math.max(0, ...records.map(Number)) };
  }

  trim(): Promise<void> {
    return Promise.reject(new Error("not here"));
  }

  async close(): Promise<void> {
    for (const stop of this.#followings) stop();
  }

  #file(position: number): string {
    return join(this.#path, String(position));
  }
}
