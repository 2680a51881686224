import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { countOf, say, serving, spawn, WITH_NU } from "../support/processors.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const HOUR = "time:3600000";

test("whoever writes a frame may write its ttl as a duration, and the frame says it in ms", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "ts",
      `export default { topics: ["ask"], async run(frame, state, xs) {
         await xs.append("made.ts", "", { ttl: "time:1h" });
         return { out: 1 };
       } }`,
      { ttl: "time:60m" },
    );
    await spawn(
      server,
      "handler",
      "nus",
      `{ topics: ["ask"], run: {|frame| null | .append made.nu --ttl time:1h; { out: 1 } } }`,
    );
    await spawn(
      server,
      "handler",
      "lines",
      `#!/bin/sh
echo '{"ready":{"topics":["ask"]}}'
while read -r frame; do
  id=$(expr "$frame" : '.*"id":"\\([0-9a-z]*\\)"')
  echo "{\\"append\\":{\\"topic\\":\\"made.lines\\",\\"ttl\\":\\"time:1h\\"},\\"done\\":\\"$id\\"}"
done
`,
    );
    const sh = { runtime: "sh", ttl: "time:3600s", restart: "never" };
    await spawn(server, "generator", "gen", "echo 1", sh);
    await say(server, "ask");
    for (const topic of ["ts.out", "made.ts", "made.nu", "made.lines", "gen.recv"]) {
      const [frame] = await countOf(server, topic, 1);
      expect([topic, frame?.ttl]).toEqual([topic, HOUR]);
    }
  });
});

test("so do the commands and the scripts of xs eval", async () => {
  using home = new Home();
  const { store } = home;
  await home.ok(["append", store, "cli", "--ttl", "time:1h"], { stdin: "x" });
  await home.ok(["append", store, "--batch"], { stdin: `{"topic":"batch","ttl":"time:60m"}` });
  await home.ok(["append", store, "lines", "--chunked", "lines", "--ttl", "time:1h"], {
    stdin: "a\n",
  });
  const script = `export default async (xs) => { await xs.append("ts", "", { ttl: "time:1h" }) }`;
  await home.ok(["eval", store, "-c", script]);
  await home.ok(["eval", store, "-c", "'x' | .append nu --ttl time:1h"], { env: WITH_NU });
  const frames = (await home.ok(["cat", store])).trimEnd().split("\n");
  const ttls = frames
    .map((line) => JSON.parse(line) as Frame)
    .map(({ topic, ttl }) => [topic, ttl]);
  expect(ttls).toEqual(["cli", "batch", "lines", "lines", "ts", "nu"].map((by) => [by, HOUR]));
  const wrong = await home.xs(["append", store, "cli", "--ttl", "time:1y"]);
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("time:7d")]);
  expect(await home.ok(["append", "--help"])).toContain("7d");
});
