import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { join } from "node:path";
import { api } from "../../src/api/api.ts";
import { idInLine } from "../../src/core/frame.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import type { Store } from "../../src/store/store.ts";
import { append, withStore } from "../support/store.ts";
import { TEST_MS, until } from "../support/wait.ts";

/** The newest id that readers see. */
function newestOf(store: Store): string {
  return idInLine(store.neighbour("~", "previous") ?? "");
}

for (const [what, barrier] of [
  ["whenDurable", (store: Store) => store.whenDurable()],
  ["GET /-/info", (store: Store) => api(store)(new Request("http://localhost/-/info"))],
] as const) {
  test(
    `${what} resolves when what was committed before is durable`,
    () =>
      withStore(async (store, path) => {
        await append(store, "note");
        using db = new Database(join(path, "events.db"), { readonly: true });
        const newestInFile = () => {
          const row = db.query("SELECT line FROM frames ORDER BY seq DESC LIMIT 1").get();
          return idInLine((row as { line: string }).line);
        };
        const writes: Promise<string>[] = [];
        // Many writers: their commits are synced in a thread, and for a moment another process sees more than a reader.
        const committed = await until("a commit that is not durable", async () => {
          for (let n = 0; n < 100; n++) {
            writes.push(store.append({ topic: "note", meta: "1", ttl: FOREVER, content: null }));
          }
          for (let turn = 0; turn < 20; turn++) {
            const id = newestInFile();
            if (id > newestOf(store)) return id;
            await new Promise(setImmediate);
          }
          return undefined;
        });
        await barrier(store);
        expect(newestOf(store) >= committed).toBe(true);
        await Promise.all(writes);
        await barrier(store);
      }),
    TEST_MS,
  );
}
