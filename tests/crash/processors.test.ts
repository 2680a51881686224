import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { importLate } from "../support/late.ts";
import { framesOf, say, sayMany, spawn, WITH_NU } from "../support/processors.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { Server, startServer, XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

/** `XS_PROOF_FRAMES=200000 XS_PROOF_KILLS=100` for the full run; `XS_PROOF_SEED` to do one again. */
const SIZES = {
  ts: { frames: setting("XS_PROOF_FRAMES", 5000), kills: setting("XS_PROOF_KILLS", 6) },
  // Slower by much, as each of its commands is a process.
  nu: { frames: setting("XS_PROOF_FRAMES", 1200), kills: setting("XS_PROOF_KILLS", 3) },
};
const SEED = seedFrom("XS_PROOF_SEED");
/** Keys of the view, each with a share of the frames. */
const KEYS = 10;

setDefaultTimeout(TEST_MS * Math.ceil(SIZES.nu.frames / 1000 + SIZES.nu.kills / 2));

/** Each names what it makes so that a frame that is lost, doubled or torn shows. */
const HANDLERS = {
  ts: {
    counter: `export default {
      topics: ["n", "n.late", "report"], initial: { count: 0, sum: 0 },
      run({ topic, meta }, state) {
        if (topic === "report") return { out: state };
        return { next: { count: state.count + 1, sum: state.sum + meta.n } };
      },
    }`,
    copier:
      'export default { topics: ["n", "n.late"], run: ({ meta }) => ({ out: { n: meta.n } }) }',
    projector: `export default {
      topics: ["n", "n.late"],
      async run({ meta: { n } }, _, xs) {
        const key = "view/" + (n % ${KEYS});
        const { count, sum } = (await xs.kv.get(key)) ?? { count: 0, sum: 0 };
        await xs.kv.put(key, { count: count + 1, sum: sum + n });
      },
    }`,
    wide: `export default {
      topics: ["n", "n.late"], concurrency: 8,
      async run({ meta: { n } }) {
        if (n % 16 === 0) await Bun.sleep(1);
        return { out: { n } };
      },
    }`,
  },
  nu: {
    counter: `{
      topics: [n n.late report], initial: { count: 0, sum: 0 }
      run: {|frame, state|
        if $frame.topic == "report" { { out: $state } } else {
          { next: { count: ($state.count + 1), sum: ($state.sum + $frame.meta.n) } }
        }
      }
    }`,
    copier: "{ topics: [n n.late], run: {|frame, state| { out: { n: $frame.meta.n } } } }",
    projector: `{ topics: [n n.late], run: {|frame, state|
      let n = $frame.meta.n
      let key = $"view/($n mod ${KEYS})"
      let view = (.kv get $key | default { count: 0, sum: 0 })
      { count: ($view.count + 1), sum: ($view.sum + $n) } | .kv put $key
    } }`,
    wide: "{ topics: [n n.late], concurrency: 8, run: {|frame, state| { out: { n: $frame.meta.n } } } }",
  },
};

/** The number in the frame of a topic that arrived last, or -1. */
async function lastOf(server: Server, topic: string): Promise<number> {
  const [frame] = await server.frames(`/last/${topic}`);
  const [late] = await server.frames(`/last/${topic}.late`);
  const numbers = [frame, late].map((each) => (each?.meta as { n?: number } | undefined)?.n ?? -1);
  return Math.max(...numbers);
}

async function viewOf(server: Server): Promise<{ count: number; sum: number }[]> {
  return Promise.all(
    Array.from({ length: KEYS }, async (_, key) => {
      const response = await server.fetch(`/kv/${encodeURIComponent(`view/${key}`)}`);
      if (!response.ok) return { count: 0, sum: 0 };
      return (await response.json()) as { count: number; sum: number };
    }),
  );
}

/**
 * Appends until there are so many frames, and imports some of them with ids of years ago. What a killed server has kept
 * does not come again.
 */
async function fill(server: Server, end: number, random: Random): Promise<void> {
  let n = (await lastOf(server, "n")) + 1;
  while (n < end) {
    const count = Math.min(1 + random.below(200), end - n);
    if (random.chance(0.3)) await importLate(server, "n.late", count, n);
    else await sayMany(server, "n", count, n);
    n += count;
  }
}

test.each(["ts", "nu"] as const)(
  "while the server is killed again and again, handlers count, copy and project each frame once: %s",
  async (runtime) => {
    const { frames: total, kills } = SIZES[runtime];
    const random = new Random(SEED);
    using home = tempDirectory();
    const directory = join(home.path, "store");
    const started = performance.now();
    const options = { env: WITH_NU };
    {
      await using server = await startServer(directory, options);
      const handlers = Object.entries(HANDLERS[runtime]);
      await Promise.all(handlers.map(([name, script]) => spawn(server, "handler", name, script)));
    }
    const cuts = Array.from({ length: kills }, () => random.below(total)).sort((a, b) => a - b);
    let whileStarting = 0;
    for (const cut of cuts) {
      if (random.chance(0.2)) {
        // Killed while it starts, too, when the handlers take up what they had not done.
        whileStarting++;
        await using starting = new Server(directory, options);
        await Bun.sleep(random.below(400));
        await starting.stop("SIGKILL");
      }
      await using server = await startServer(directory, options);
      const filling = fill(server, cut, random).catch(() => {});
      if (random.chance(0.5)) await filling;
      // So that it is killed now while handlers load, now while they are at work.
      await Bun.sleep(random.below(500));
      await server.stop("SIGKILL");
      await filling;
    }
    await using server = await startServer(directory, options);
    await fill(server, total, random);
    const numbers = Array.from({ length: total }, (_, n) => n);
    for (const name of ["copier", "wide"]) {
      await reaches(`the copies of ${name}`, total - 1, () => lastOf(server, `${name}.out`));
      const copies = await server.frames(`/?topic=${name}.out`);
      const found = copies.map(({ meta }) => (meta as { n: number }).n);
      expect([name, found.length]).toEqual([name, total]);
      expect(Bun.deepEquals(found, numbers)).toBe(true);
    }
    const sum = (total * (total - 1)) / 2;
    const view = Array.from({ length: KEYS }, (_, key) => {
      const own = numbers.filter((n) => n % KEYS === key);
      return { count: own.length, sum: own.reduce((all, n) => all + n, 0) };
    });
    await reaches("the view", view, () => viewOf(server));
    await say(server, "report");
    const counted = await until("the count", async () => {
      return (await framesOf(server, "counter.out"))[0];
    });
    expect(counted.meta).toMatchObject({ count: total, sum });
    expect(await server.frames("/?topic=stream.cross.handler.failed")).toEqual([]);
    expect(await server.stop("SIGTERM")).toBe(0);
    const verify = Bun.spawn([XS, "verify", directory], { stdout: "pipe", stderr: "ignore" });
    const found = await new Response(verify.stdout).text();
    expect([found, await verify.exited]).toEqual(["", 0]);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    report(`XS_PROOF_FRAMES=${total} XS_PROOF_KILLS=${kills} XS_PROOF_SEED=${SEED}: ${runtime}`, [
      `${kills} kills while frames came, ${whileStarting} more while the server started, ${seconds} s`,
      `counter: count ${total}, sum ${sum}`,
      `copier: ${total} copies, each frame once and in order`,
      `wide, 8 at once: ${total} copies, each frame once and in order`,
      `projector: ${KEYS} keys, counts and sums exact`,
      "xs verify: nothing wrong",
    ]);
  },
);
