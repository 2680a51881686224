// Clients append, write pairs and read at the same time; what they saw is checked for an order that
// explains it. Every other history has a kill in its middle.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type Answer, ask, Gone } from "../support/ask.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";
import { idsFitTime, isLinearizable, type Operation } from "./checker.ts";
import {
  type PairInput,
  type PairOutput,
  pairModel,
  type TopicInput,
  type TopicOutput,
  topicModel,
} from "./models.ts";

const ROUNDS = setting("XS_HISTORY_ROUNDS", 6);
const SEED = seedFrom("XS_HISTORY_SEED");
const CLIENTS = 16;
const CALLS_OF_A_CLIENT = 40;
const KEYS = 3;
const TOPICS = 3;

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 10));

/** A read of all topics, and what it gave. */
interface Listing {
  start: number;
  end: number;
  ids: string[];
}

/** Everything that was asked and answered. */
class History {
  readonly pairs = new Map<string, Operation<PairInput, PairOutput>[]>();
  readonly topics = new Map<string, Operation<TopicInput, TopicOutput>[]>();
  readonly listings: Listing[] = [];
  readonly given: { start: number; end: number; id: string; frame: boolean }[] = [];
  readonly #round: number;
  #values = 0;

  constructor(round: number) {
    this.#round = round;
  }

  /** One call of a client, picked at random. */
  async call(server: Server, random: Random): Promise<void> {
    const topic = `history.${this.#round}.${random.below(TOPICS)}`;
    const key = `history/${this.#round}/${random.below(KEYS)}`;
    const what = random.next();
    if (what < 0.05) await this.#list(server);
    else if (what < 0.5) await this.#topic(server, topic, random);
    else await this.#pair(server, key, random);
  }

  async #topic(server: Server, topic: string, random: Random): Promise<void> {
    const known = (this.topics.get(topic) ?? []).flatMap(({ output }) =>
      output && "id" in output ? output.id : [],
    );
    if (random.chance(0.3)) {
      await this.#record(this.topics, topic, { do: "last" }, () =>
        ask(server, `/last/${topic}`).then(({ status, text }) =>
          status === 404 ? null : { id: (JSON.parse(text) as { id: string }).id },
        ),
      );
      return;
    }
    const expected = random.chance(0.5) ? (known.at(-1) ?? null) : undefined;
    const headers = expected === undefined ? {} : { "xs-expect-last": expected ?? "none" };
    await this.#record(
      this.topics,
      topic,
      { do: "append", ...(expected !== undefined && { expect: expected }) },
      async () => {
        const answer = await ask(server, `/stream/${topic}`, { method: "POST", headers });
        if (answer.status === 409) return { actual: actualOf(answer) };
        expect([answer.status, answer.text]).toEqual([200, answer.text]);
        return { id: (JSON.parse(answer.text) as { id: string }).id };
      },
    );
  }

  async #pair(server: Server, key: string, random: Random): Promise<void> {
    const path = `/kv/${key}`;
    const what = random.next();
    if (what < 0.4) {
      await this.#record(this.pairs, key, { do: "get" }, async () => {
        const { status, text, rev = "" } = await ask(server, path);
        return status === 404 ? null : { value: text, rev };
      });
    } else if (what < 0.5) {
      await this.#record(this.pairs, key, { do: "delete" }, async () => {
        const { status } = await ask(server, path, { method: "DELETE" });
        expect(status).toBe(204);
        return { deleted: true as const };
      });
    } else {
      const value = `value ${this.#values++}`;
      const known = (this.pairs.get(key) ?? []).flatMap(({ output }) =>
        output && "rev" in output ? output.rev : [],
      );
      const ifMatch = random.chance(0.5) ? (known.at(-1) ?? null) : undefined;
      const headers: Record<string, string> =
        ifMatch === undefined
          ? {}
          : ifMatch === null
            ? { "if-none-match": "*" }
            : { "if-match": ifMatch };
      const input = { do: "put" as const, value, ...(ifMatch !== undefined && { ifMatch }) };
      await this.#record(this.pairs, key, input, async () => {
        const answer = await ask(server, path, { method: "PUT", body: value, headers });
        if (answer.status === 412) return { actual: actualOf(answer) };
        expect([answer.status, answer.text]).toEqual([200, answer.text]);
        return { rev: answer.rev ?? "" };
      });
    }
  }

  async #list(server: Server): Promise<void> {
    const start = performance.now();
    const { text } = await ask(server, `/?topic=history.${this.#round}.*`);
    const ids = text.split("\n").flatMap((line) => (line ? JSON.parse(line).id : []));
    this.listings.push({ start, end: performance.now(), ids });
  }

  async #record<Input, Output extends object | null>(
    histories: Map<string, Operation<Input, Output>[]>,
    name: string,
    input: Input,
    call: () => Promise<Output>,
  ): Promise<void> {
    const start = performance.now();
    let output: Output | undefined;
    let end = Infinity;
    try {
      output = await call();
      end = performance.now();
    } finally {
      const history = histories.get(name) ?? [];
      histories.set(name, [...history, { start, end, input, output }]);
    }
    const what = (input as { do: string }).do;
    const given = output as { id?: string; rev?: string } | null;
    const id = what === "append" ? given?.id : what === "put" ? given?.rev : undefined;
    if (id !== undefined) this.given.push({ start, end, id, frame: what === "append" });
  }

  /** Finds the order that explains everything, or fails. */
  check(log: readonly string[]): void {
    for (const [name, history] of this.pairs) {
      expect([name, isLinearizable(pairModel, history)]).toEqual([name, true]);
    }
    for (const [name, history] of this.topics) {
      expect([name, isLinearizable(topicModel, history)]).toEqual([name, true]);
    }
    expect(idsFitTime(this.given)).toBe(true);
    for (const { start, end, ids } of this.listings) {
      const newest = ids.at(-1) ?? "";
      expect(ids).toEqual(log.filter((id) => id <= newest));
      const before = this.given.filter((given) => given.frame && given.end < start);
      expect(before.every(({ id }) => id <= newest)).toBe(true);
      const after = this.given.filter((given) => given.frame && given.start > end);
      expect(after.every(({ id }) => id > newest)).toBe(true);
    }
  }
}

function actualOf({ text }: Answer): string | null {
  return (JSON.parse(text) as { actual: string | null }).actual;
}

/** All clients at once, each with one call after the other. */
async function run(history: History, server: Server, random: Random): Promise<void> {
  const clients = Array.from({ length: CLIENTS }, async () => {
    const own = random.fork();
    for (let n = 0; n < CALLS_OF_A_CLIENT; n++) await history.call(server, own);
  });
  for (const end of await Promise.allSettled(clients)) {
    if (end.status === "rejected" && !(end.reason instanceof Gone)) throw end.reason;
  }
}

test("what many clients see at once has an order that explains it, also over a kill", async () => {
  const command = `XS_HISTORY_ROUNDS=${ROUNDS} XS_HISTORY_SEED=${SEED}`;
  report(command, []);
  const random = new Random(SEED);
  const counts = { operations: 0, unanswered: 0, kills: 0 };
  using home = tempDirectory();
  const directory = join(home.path, "store");
  for (let round = 0; round < ROUNDS; round++) {
    const history = new History(round);
    {
      await using server = await startServer(directory);
      const clients = run(history, server, random);
      if (round % 2 === 1) {
        await Bun.sleep(random.next() * 100);
        counts.kills++;
        await server.stop("SIGKILL");
      }
      await clients;
    }
    await using server = await startServer(directory);
    await run(history, server, random);
    const log = await server.frames(`/?topic=history.${round}.*`);
    history.check(log.map(({ id }) => id));
    const all = [...history.pairs.values(), ...history.topics.values()].flat();
    counts.operations += all.length;
    counts.unanswered += all.filter(({ end }) => end === Infinity).length;
  }
  report(`${ROUNDS} histories of ${CLIENTS} clients`, [
    Object.entries(counts)
      .map(([name, count]) => `${name}: ${count}`)
      .join(", "),
    `not linearizable: 0`,
  ]);
});
