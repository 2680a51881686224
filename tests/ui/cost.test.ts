import { expect, setDefaultTimeout, test } from "bun:test";
import { Inspector } from "../support/inspector.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

async function followersOf(server: Server): Promise<number> {
  const text = await (await server.fetch("/metrics")).text();
  return Number(/^xs_followers (\d+)$/m.exec(text)?.[1]);
}

test("a page that goes costs the server nothing any more", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  const before = await followersOf(server);
  const headers = { authorization: `Bearer ${await it.key()}` };
  const ends = new AbortController();
  for (let count = 1; count <= 5; count++) {
    await fetch(`${it.origin}/api/?follow=true&tail=true`, { headers, signal: ends.signal });
    await until("a follower more", async () => (await followersOf(server)) === before + count);
  }
  ends.abort();
  await until("no follower more", async () => (await followersOf(server)) === before);
  expect((await fetch(`${it.origin}/about`, { headers })).status).toBe(200);
  await fetch(`${it.origin}/api/?follow=true&tail=true`, { headers });
  await until("a follower", async () => (await followersOf(server)) === before + 1);
  await it.stop("SIGTERM");
  await until("none again", async () => (await followersOf(server)) === before);
});
