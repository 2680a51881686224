// Kills a server again and again while frames come that name others, and while somebody asks what came of one.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Home } from "../cli/run-xs.ts";
import { lateId } from "../support/late.ts";
import { Random, seedFrom, setting } from "../support/random.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";

const KILLS = setting("XS_LINKS_KILLS", 4);
const SEED = seedFrom("XS_LINKS_SEED");

setDefaultTimeout(TEST_MS * Math.ceil(1 + KILLS / 10));

/** The effects of a frame, as a look at every frame finds them, and as the server does. */
async function expectEffects(server: Server, root: string): Promise<number> {
  const frames = await server.frames("/?order=asc");
  const found = new Set([root]);
  for (let before = 0; before < found.size; ) {
    before = found.size;
    for (const { id, meta } of frames) {
      const { frame_id } = (meta ?? {}) as { frame_id?: string };
      if (frame_id !== undefined && found.has(frame_id)) found.add(id);
    }
  }
  found.delete(root);
  const effects = await server.frames(`/${root}/effects`);
  expect(effects.map(({ id }) => id).sort()).toEqual([...found].sort());
  return effects.length;
}

test(`${KILLS} kills while the index of links is made: what came of a frame is what a look at all frames finds`, async () => {
  const random = new Random(SEED);
  using home = new Home();
  let root = "";
  let late = 0;
  let effects = 0;
  for (let kill = 0; kill <= KILLS; kill++) {
    await using server = await startServer(home.store);
    if (root === "") root = (await server.append("root")).id;
    const named = [root];
    const work = async () => {
      for (let turn = 0; ; turn++) {
        const lines = Array.from({ length: 200 }, () =>
          JSON.stringify({ topic: "out", meta: { frame_id: random.pick(named) } }),
        );
        const response = await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
        const [first] = (await response.text()).split("\n");
        if (first) named.push((JSON.parse(first) as { id: string }).id);
        if (turn % 3 === 1) {
          const id = lateId(late++);
          const meta = { frame_id: random.pick(named) };
          const line = JSON.stringify({ topic: "late", id, hash: null, meta, ttl: "forever" });
          await server.fetch("/import", { method: "POST", body: line });
        }
        if (turn % 5 === 4) {
          const victim = named.splice(1, 1)[0];
          if (victim) await server.fetch(`/${victim}`, { method: "DELETE" });
        }
      }
    };
    const ask = async () => {
      for (;;) await (await server.fetch(`/${root}/effects`)).text();
    };
    const busy = Promise.allSettled([work(), ask()]);
    await Bun.sleep(200 + random.below(500));
    await server.stop("SIGKILL");
    await busy;
    await using again = await startServer(home.store);
    effects = await expectEffects(again, root);
    await again.stop("SIGKILL");
    const { code, stdout } = await home.xs(["verify", home.store]);
    expect([`XS_LINKS_SEED=${SEED}`, code, stdout]).toEqual([`XS_LINKS_SEED=${SEED}`, 0, ""]);
  }
  expect(effects).toBeGreaterThan(0);
});
