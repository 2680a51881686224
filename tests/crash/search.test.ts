// Kills a server, or the processes of its search, again and again while frames come, go and are searched.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { ask, askFor, Gone } from "../support/ask.ts";
import { importLine, lateId } from "../support/late.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { isMeant, queryText, type Wishes } from "../support/search-model.ts";
import { searchProcesses } from "../support/search-processes.ts";
import { parseLines, type Server, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { TEST_MS, until } from "../support/wait.ts";

const ROUNDS = setting("XS_SEARCH_ROUNDS", 15);
const SEED = seedFrom("XS_SEARCH_SEED");
const WRITERS = 8;
/** How long after its start the server is killed at most, in ms. */
const LONGEST_MS = 500;

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 20));

const WORDS = ["apple", "Birne", "café", "date", "éclair", "fig"];
/** What is searched for after each kill. */
const QUERIES: readonly Wishes[] = [
  ...WORDS.map((word) => ({ wishes: [{ words: [word] }] })),
  { wishes: [{ words: ["apple"] }, { words: ["fig"], isNot: true }] },
  { wishes: [{ words: ["cafe", "date"] }] },
  { wishes: [{ words: ["e"], isPrefix: true }], topics: ["few.*"] },
  { wishes: [{ words: ["apple"] }], topics: ["late"] },
];

type Inline = Frame & { content?: string };

const counts = { appends: 0, removals: 0, late: 0, searches: 0, "compared hits": 0 };

async function write(server: Server, random: Random, n: number): Promise<never> {
  const text = () =>
    Array.from({ length: 1 + random.below(4) }, () => random.pick(WORDS)).join(" ");
  for (;;) {
    if (random.chance(0.1)) {
      const id = lateId(random.below(2 ** 23));
      await askFor(server, "/import", {
        method: "POST",
        body: importLine("late", id, { text: text() }),
      });
      counts.late++;
    } else if (random.chance(0.15)) {
      await ask(server, `/-/search?limit=5&q=${encodeURIComponent(random.pick(WORDS))}`);
      counts.searches++;
    } else if (random.chance(0.02)) {
      await ask(server, "/gc", { method: "POST" });
    } else {
      const [topic, ttl] = random.pick([
        [`t.${n}`, "forever"],
        [`few.${n}`, "last:3"],
        ["soon", "time:300"],
      ] as const);
      const init = {
        method: "POST",
        body: text(),
        headers: { "xs-meta": Buffer.from(JSON.stringify({ n: text() })).toString("base64") },
      };
      const { text: line } = await askFor(server, `/stream/${topic}?ttl=${ttl}`, init);
      counts.appends++;
      if (!random.chance(0.2)) continue;
      await askFor(server, `/${(JSON.parse(line) as Frame).id}`, { method: "DELETE" });
      counts.removals++;
    }
  }
}

/** Each search finds what a scan finds. What expires has expired before. */
async function compare(server: Server): Promise<void> {
  await until("what expires has expired", async () => {
    const text = await (await server.fetch("/last/soon?last=1")).text();
    return text === "";
  });
  const frames = parseLines(
    await (await server.fetch("/?content=inline&order=desc")).text(),
  ) as Inline[];
  for (const wishes of QUERIES) {
    const text = queryText(wishes);
    const found = await until(`the index is there for ${text}`, async () => {
      const response = await server.fetch(`/-/search?q=${encodeURIComponent(text)}`);
      const body = await response.text();
      if (response.ok) return { ids: parseLines(body).map(({ id }) => id) };
      expect(body).toContain("index_building");
      return false;
    });
    const meant = frames
      .filter((frame) => isMeant(frame, frame.content, wishes))
      .map(({ id }) => id);
    expect([text, found.ids]).toEqual([text, meant]);
    counts["compared hits"] += meant.length;
  }
}

test("after kill -9 at any moment a search finds what a scan finds", async () => {
  report(`XS_SEARCH_ROUNDS=${ROUNDS} XS_SEARCH_SEED=${SEED}`, []);
  const random = new Random(SEED);
  using home = new Home();
  for (let round = 0; round < ROUNDS; round++) {
    await using server = await startServer(home.store);
    await compare(server);
    const writers = Array.from({ length: WRITERS }, (_, n) => write(server, random.fork(), n));
    const ends = Promise.allSettled(writers);
    await Bun.sleep(random.next() * LONGEST_MS);
    if (random.chance(0.3)) {
      for (const pid of await searchProcesses(server.pid)) process.kill(pid, "SIGKILL");
      await Bun.sleep(random.next() * LONGEST_MS);
    }
    await server.stop(random.chance(0.1) ? "SIGTERM" : "SIGKILL");
    for (const end of await ends) {
      if (end.status === "rejected" && !(end.reason instanceof Gone)) throw end.reason;
    }
  }
  await using server = await startServer(home.store);
  await compare(server);
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(home.store);
  const shown = Object.entries(counts).map(([name, count]) => `${name}: ${count}`);
  report(`${ROUNDS} rounds`, [shown.join(", "), "searches that differ from a scan: 0"]);
});
