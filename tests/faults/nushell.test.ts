import { expect, setDefaultTimeout, test } from "bun:test";
import {
  answered,
  countOf,
  kvText,
  sayMany,
  serving,
  spawn,
  statuses,
} from "../support/processors.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const COUNT = 200;

test("a handler whose nushell is killed starts again and goes on exactly there", async () => {
  await serving(async (server) => {
    const spawned = await spawn(
      server,
      "handler",
      "nu",
      `{ topics: [n], initial: 0, run: {|frame, state|
        $frame.meta.n | .kv put view
        { out: { n: $frame.meta.n, state: $state }, next: ($state + 1) }
      } }`,
    );
    await sayMany(server, "n", COUNT);
    await countOf(server, "nu.out", 1);
    const [row] = await statuses(server);
    if (!row?.pid) throw new Error("it does not run");
    process.kill(row.pid, "SIGKILL");
    expect((await answered(server, spawned, "restarting")).meta).toMatchObject({
      signal: "SIGKILL",
      delay_ms: 1000,
    });
    const outputs = await countOf(server, "nu.out", COUNT);
    expect(outputs.map(({ meta }) => [meta.n, meta.state])).toEqual(
      Array.from({ length: COUNT }, (_, n) => [n, n]),
    );
    expect(await kvText(server, "view")).toBe(String(COUNT - 1));
  });
});
