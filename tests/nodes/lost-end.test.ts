// The journal has lost its end, and a node has it: it says so, and what it has comes back.
import { expect, setDefaultTimeout } from "bun:test";
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { RealNodes } from "../support/real-nodes.ts";
import { TEST_MS, until, within } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

natsTest("what a node has beyond the end of the journal comes back by hand", async () => {
  using home = new Home();
  await using nats = await NatsServers.start(1);
  await using nodes = await RealNodes.start({ journal: () => nats.url("notes"), count: 2 });
  const write = (name: string): Promise<string> =>
    home.ok(["append", nodes.directory(0), "note", `content of ${name}`]);
  await write("one");
  await nodes.atRest();
  for (const i of nodes.all) await nodes.stop(i, "SIGTERM");
  const files = join(nats.folder(0), "jetstream");
  const kept = join(home.path, "kept");
  await nats.kill(0, "SIGTERM");
  cpSync(files, kept, { recursive: true });
  await nats.start(0);
  await nodes.start(0);
  await write("two");
  await home.ok(["kv", "put", nodes.directory(0), "key", "value"]);
  await nodes.stop(0, "SIGTERM");
  await nats.kill(0, "SIGTERM");
  rmSync(files, { recursive: true });
  cpSync(kept, files, { recursive: true });
  await nats.start(0);

  const refused = nodes.launch(0);
  expect(await within("its end", refused.exited)).not.toBe(0);
  const said = await refused.stderr;
  expect(said).toContain("the journal ends at");
  expect(said).toContain("docs/nodes.md");

  await nodes.start(1);
  const tar = join(home.path, "kept.tar");
  await home.ok(["export", nodes.directory(0), tar]);
  for (const name of readdirSync(nodes.directory(0))) {
    if (name.startsWith("events.db")) rmSync(join(nodes.directory(0), name));
  }
  await nodes.start(0);
  const leader = await nodes.leader();
  await home.ok(["import", nodes.directory(leader), tar]);
  await nodes.atRest();
  for (const i of nodes.all) {
    const printed = await home.ok(["cat", nodes.directory(i), "-T", "note", "--content"]);
    expect(printed.match(/content of \w+/g)).toEqual(["content of one", "content of two"]);
    expect(await home.ok(["kv", "get", nodes.directory(i), "key"])).toBe("value");
    await until("it is well", async () => (await nodes.server(i).fetch("/version")).ok);
    expect(await home.ok(["verify", nodes.directory(i)])).toBe("");
  }
});
