// Numbers that JavaScript would write otherwise, on their way through what outlives a process.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { countOf, kvText, say, spawn } from "../support/processors.ts";
import { startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A handler in sh that hands its state on as it came, in meta and as the next one. */
const KEEPING = `#!/bin/sh
echo '{"ready":{"topics":["n"],"initial":{"n":1234567890123456789,"x":1.50}}}'
while read -r line; do
  case "$line" in
    '{"state"'*) state=$(echo "$line" | sed 's/^{"state":\\(.*\\)}$/\\1/') ;;
    '{"topic"'*)
      id=$(echo "$line" | sed 's/.*"id":"\\([0-9a-z]*\\)".*/\\1/')
      echo "{\\"out\\":$state,\\"next\\":$state,\\"done\\":\\"$id\\"}" ;;
  esac
done
`;
const NUMBERS = '"n":1234567890123456789,"x":1.50';

test("the state of a handler keeps its numbers over restarts", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  for (let run = 1; run <= 3; run++) {
    await using server = await startServer(directory);
    if (run === 1) await spawn(server, "handler", "keep", KEEPING);
    await say(server, "n");
    await countOf(server, "keep.out", run);
    const lines = (await (await server.fetch("/?topic=keep.out")).text()).trim().split("\n");
    for (const line of lines) expect(line).toContain(`"meta":{${NUMBERS},`);
    expect(await kvText(server, "stream.cross.handler/keep")).toContain(`"state":{${NUMBERS}}`);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(directory);
});

test("the last chunk of an append that a kill cut off has the numbers of the first", async () => {
  using home = tempDirectory();
  const directory = join(home.path, "store");
  const feed = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode("a\n")),
    });
  {
    await using server = await startServer(directory);
    const response = server.fetch("/stream/feed?chunked=lines", {
      method: "POST",
      headers: { "xs-meta": `{${NUMBERS}}` },
      body: feed(),
    });
    await new LineReader((await response).body).next();
    await server.stop("SIGKILL");
  }
  await using server = await startServer(directory);
  const lines = (await (await server.fetch("/?topic=feed")).text()).trim().split("\n");
  expect(lines).toHaveLength(2);
  for (const line of lines) expect(line).toContain(`"meta":{${NUMBERS},"chunk":{`);
});

test("xs handler try shows the numbers that a handler writes", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "n"]);
  await Bun.write(join(home.path, "keep"), KEEPING);
  const shown = await home.ok(["handler", "try", home.store, "keep"]);
  expect(shown).toContain(`"meta":{${NUMBERS},`);
  expect(shown).toContain(`{"state":{${NUMBERS}}}`);
});
