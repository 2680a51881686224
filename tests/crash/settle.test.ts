import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const CONTENTS = 600;
const contentOf = (n: number) => `${n} `.padEnd(60_000, "x");

test("kill -9 while content settles loses none of it", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const files = join(directory, "cacache", "content-v2");
  const frames: Frame[] = [];
  for (let round = 0; round < 3; round++) {
    await using server = await startServer(directory);
    const before = existsSync(files) ? readdirSync(files, { recursive: true }).length : 0;
    // More than is staged before settling begins at once.
    const appends = Array.from({ length: CONTENTS }, (_, i) => {
      const n = round * CONTENTS + i;
      return server.append("settle", contentOf(n), { "xs-meta": String(n) });
    });
    const settling = until("the first files", () => {
      return existsSync(files) && readdirSync(files, { recursive: true }).length > before;
    });
    const done = await Promise.allSettled([
      settling.then(() => server.stop("SIGKILL")),
      ...appends,
    ]);
    for (const outcome of done.slice(1)) {
      if (outcome.status === "fulfilled") frames.push(outcome.value as Frame);
    }
  }
  expect(frames.length).toBeGreaterThan(0);
  await using server = await startServer(directory);
  for (const { id, meta } of frames) {
    const text = await (await server.fetch(`/${id}/content`)).text();
    expect([id, text === contentOf(Number(meta))]).toEqual([id, true]);
  }
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(directory);
});
