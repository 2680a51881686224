// Kills a server at random moments under 64 writers, some followers and a handler, again and again.
import { expect, setDefaultTimeout, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import { parseTtl } from "../../src/core/ttl.ts";
import { Home } from "../cli/run-xs.ts";
import { Gone } from "../support/ask.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { Server, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Batches } from "./work/batches.ts";
import { Chains } from "./work/chains.ts";
import { Followers } from "./work/followers.ts";
import { Frames } from "./work/frames.ts";
import { Handlers } from "./work/handlers.ts";
import { Keeping } from "./work/keeping.ts";
import { Pairs } from "./work/pairs.ts";
import { Retention } from "./work/retention.ts";
import { Retries } from "./work/retries.ts";
import { Log, type Work } from "./work.ts";

const ROUNDS = setting("XS_CRASH_ROUNDS", 50);
const SEED = seedFrom("XS_CRASH_SEED");
/** A store is used for so many rounds, so that a check of all of it stays short. */
const ROUNDS_OF_A_STORE = 25;
/** How long after the first request the server is killed at most, in ms. */
const LONGEST_MS = 400;
/** How long a start, or a stop, goes on at most before it is killed, in ms. */
const START_MS = 120;
const STOP_MS = 80;

const everyWork = (): Work[] => [
  new Frames(),
  new Pairs(),
  new Batches(),
  new Retention(),
  new Keeping(),
  new Chains(),
  new Retries(),
  new Followers(),
  new Handlers(),
];

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 20));

type Moment = "at work" | "while it starts" | "while it stops";

/** What was done in all rounds. */
class Totals {
  readonly counts = new Map<string, number>();

  add(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) {
      this.counts.set(name, (this.counts.get(name) ?? 0) + count);
    }
  }

  toString(): string {
    return [...this.counts].map(([name, count]) => `${name}: ${count}`).join(", ");
  }
}

/** A store under attack, and what its writers know. */
class Campaign {
  readonly work = everyWork();
  readonly #home: Home;
  readonly #random: Random;
  /** No id may come again that is not above this. */
  #newest = "";

  constructor(home: Home, random: Random) {
    this.#home = home;
    this.#random = random;
  }

  async round(moment: Moment): Promise<void> {
    if (moment === "while it starts") {
      // When it takes up what the last kill left.
      await using starting = new Server(this.#home.store);
      await Bun.sleep(this.#random.next() * START_MS);
      await starting.stop("SIGKILL");
    }
    // Now and then by the command itself, on the directory; else by the server.
    const direct = this.#random.chance(0.2);
    if (direct) await this.verify();
    await using server = await startServer(this.#home.store);
    if (!direct) await this.verify();
    await this.check(server);
    await this.#workUntilKilled(server, moment);
  }

  async #workUntilKilled(server: Server, moment: Moment): Promise<void> {
    const random = this.#random;
    const writers = this.work.flatMap((work) =>
      Array.from({ length: work.writers }, (_, n) => work.write(server, random.fork(), n)),
    );
    const ends = Promise.allSettled(writers);
    await Bun.sleep(random.next() * LONGEST_MS);
    if (moment === "while it stops") {
      process.kill(server.pid, "SIGTERM");
      await Bun.sleep(random.next() * STOP_MS);
    }
    await server.stop("SIGKILL");
    for (const end of await ends) {
      if (end.status === "rejected" && !(end.reason instanceof Gone)) throw end.reason;
    }
  }

  /** Compares everything that a server has with everything that was acknowledged. */
  async check(server: Server): Promise<void> {
    const asked = Date.now();
    const log = new Log(await server.frames());
    const ids = log.frames.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
    for (const { id, ttl } of log.frames) {
      const rule = parseTtl(ttl);
      if (rule.kind === "time") expect(timestampOf(id) + rule.ms).toBeGreaterThan(asked);
    }
    for (const work of this.work) await work.check(server, log);
    const { id } = await server.append("marks");
    expect([this.#newest, ...ids].every((earlier) => earlier < id)).toBe(true);
    this.#newest = id;
  }

  async verify(): Promise<void> {
    const { code, stdout, stderr } = await this.#home.xs(["verify", this.#home.store]);
    // A store that was killed before it was made is none yet.
    if (this.#newest === "" && stderr.includes("there is no store")) return;
    expect([code, stdout, stderr]).toEqual([0, "", stderr]);
  }
}

test("kill -9 at any moment loses, doubles and tears nothing that was acknowledged, and ids go on increasing", async () => {
  const command = `XS_CRASH_ROUNDS=${ROUNDS} XS_CRASH_SEED=${SEED}`;
  report(command, []);
  const random = new Random(SEED);
  const moments = new Totals();
  const totals = new Totals();
  for (let round = 0; round < ROUNDS; ) {
    using home = new Home();
    const campaign = new Campaign(home, random.fork());
    for (let n = 0; n < ROUNDS_OF_A_STORE && round < ROUNDS; n++, round++) {
      const moment = random.pick<Moment>([
        "at work",
        "at work",
        "at work",
        "while it starts",
        "while it stops",
      ]);
      moments.add({ [moment]: 1 });
      await campaign.round(moment);
    }
    await using server = await startServer(home.store);
    for (const work of campaign.work) await work.finish?.(server);
    await campaign.check(server);
    await campaign.verify();
    expect(await server.stop("SIGTERM")).toBe(0);
    await campaign.verify();
    for (const { counts } of campaign.work) totals.add(counts);
  }
  report(`${ROUNDS} rounds, killed ${moments}`, [`acknowledged: ${totals}`, "lost, doubled: 0"]);
});
