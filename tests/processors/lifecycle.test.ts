import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { answered, answers, countOf, framesOf, spawn, WITH_NU } from "../support/processors.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const DAY = "time:86400000";

test("that a program ended and runs again is kept for a day; what runs is known without it", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  {
    await using server = await startServer(directory, { env: WITH_NU });
    const poll = await spawn(server, "generator", "poll", "date; exit 1", { runtime: "sh" });
    const handler = await spawn(
      server,
      "handler",
      "falls",
      `import { existsSync, writeFileSync } from "node:fs";
       const marker = process.env.XS_ADDR + "/fell";
       export default { topics: ["n"], run() {
         if (existsSync(marker)) return { out: "fine" };
         writeFileSync(marker, "");
         process.exit(1);
       } }`,
    );
    await server.append("n", "");
    await answered(server, poll, "active", 3);
    await answered(server, handler, "active", 2);
    for (const each of [poll, handler]) {
      const told = await answers(server, each);
      const [first, ...rest] = told;
      expect([first?.topic.split(".").at(-1), first?.ttl]).toEqual(["active", "forever"]);
      expect(rest.map(({ ttl }) => ttl)).toEqual(rest.map(() => DAY));
      // A day later.
      for (const { id } of rest) await server.fetch(`/${id}`, { method: "DELETE" });
    }
    expect(await server.stop("SIGKILL")).not.toBe(0);
  }
  await using server = await startServer(directory, { env: WITH_NU });
  const before = (await framesOf(server, "poll.recv")).length;
  await countOf(server, "poll.recv", before + 1);
  await server.append("n", "");
  await countOf(server, "falls.out", 2);
  const active = await framesOf(server, "stream.cross.handler.active");
  expect(active.map(({ ttl }) => ttl)).toEqual(["forever", "forever"]);
});
