import { join } from "node:path";
import { XsError } from "../../../src/core/error.ts";
import type { Frame } from "../../../src/core/frame.ts";
import { packId } from "../../../src/core/id.ts";
import { keepRule } from "../../../src/core/keep-rule.ts";
import { parseTakenTopics } from "../../../src/core/taken-topics.ts";
import { parseTtl } from "../../../src/core/ttl.ts";
import {
  decodeRecord,
  encodeRecord,
  hashOfRecord,
} from "../../../src/store/journal/record-codec.ts";
import type { Store } from "../../../src/store/store.ts";
import type { AppendRequest, Change, TakenContent } from "../../../src/store/types.ts";
import { MemoryNet } from "../../support/memory-cluster.ts";
import { KEY } from "../../support/nodes.ts";
import { Random } from "../../support/random.ts";
import { importFrames, problemsOf } from "../../support/store.ts";
import { until } from "../../support/wait.ts";
import { History, isUnknown, type Op, opIn } from "./history.ts";
import { Member } from "./member.ts";

/** A fault of the nodes themselves, to show that the model finds it. */
export type Mutation = (member: Member) => void;

const TOPICS = ["a", "a.b", "b", "chain"] as const;
const KEYS = ["k", "k/one", "two"] as const;
const TTLS = [
  "forever",
  "forever",
  "forever",
  "last:1",
  "last:3",
  "time:50",
  "until:+70",
  "ephemeral",
];
const LARGE = 70_000;

/** Three nodes on one journal, and what a seed makes of them. */
class Run {
  readonly #random: Random;
  readonly #net: MemoryNet;
  readonly #members: Member[];
  readonly ops: Op[] = [];
  readonly #steps: Promise<void>[] = [];
  #next = 0;
  readonly #handlers: {
    member: Member;
    node: Member["node"];
    epoch: number;
    n: number;
    isBusy?: boolean;
  }[] = [];
  /** What each node had after each record. */
  readonly #dumps = new Map<string, Map<number, { newest: string; lines: string[] }>>();
  readonly #clock = new Map<number, number>();
  readonly #problems: string[] = [];
  readonly #contents = new Map<string, string>();
  #ids: string[] = [];
  #now = 1_800_000_000_000;
  #revs = new Map<string, string>();

  constructor(seed: number, directory: string, mutate: Mutation = () => {}) {
    this.#random = new Random(seed);
    const random = this.#random.fork();
    this.#net = new MemoryNet({
      seed,
      delayMs: random.below(3),
      deadlineMs: 40,
      maxRecord: random.pick([2000, 20_000, 1_000_000]),
      lostAcks: random.chance(0.4) ? 0.1 : 0,
      refusals: random.chance(0.4) ? 0.1 : 0,
      rival: random.chance(0.3) ? { share: 0.05, record: rivalRecord } : undefined,
    });
    this.#members = ["a", "b", "c"].map((name) => {
      // Their clocks differ by up to half a minute, all the time.
      const apart = random.chance(0.3) ? random.below(30_000) : 0;
      const path = join(directory, name);
      const member = new Member(
        this.#net,
        { name, path, now: () => this.#now + apart },
        (...dump) => this.#note(...dump),
      );
      mutate(member);
      return member;
    });
  }

  async go(steps: number): Promise<string[]> {
    await until("one leads", () => this.#leader !== undefined);
    for (let step = 0; step < steps; step++) {
      this.#now += this.#random.below(40);
      await this.#disturb();
      const writers = 1 + this.#random.below(4);
      const writes = Array.from({ length: writers }, () => this.#write());
      await within(`the writes of step ${step}`, Promise.all(writes));
    }
    await this.#settle();
    await within("the check", this.#check());
    for (const member of this.#members) await within(`the close of ${member.name}`, member.close());
    return this.#problems;
  }

  get #leader(): Member | undefined {
    return this.#members.find(({ leads }) => leads);
  }

  #note(
    name: string,
    { applied, newest, lines }: { applied: number; newest: string; lines: string[] },
  ): void {
    const dumps = this.#dumps.get(name) ?? new Map();
    this.#dumps.set(name, dumps);
    dumps.set(applied, { newest, lines });
    if (!this.#clock.has(applied)) this.#clock.set(applied, this.#now + 30_000);
  }

  async #disturb(): Promise<void> {
    const random = this.#random;
    const member = random.pick(this.#members);
    const kind = random.below(24);
    if (kind === 0) member.cluster.cut();
    else if (kind < 4) for (const { cluster } of this.#members) cluster.heal();
    else if (kind === 4) member.cluster.slow(random.below(10));
    else if (kind === 5) for (const { cluster } of this.#members) cluster.slow(0);
    else if (kind === 6) void member.stand();
    else if (kind === 7) {
      member.cluster.heal();
      await within(`the restart of ${member.name}`, member.restart());
    }
  }

  /** One write on one node, and how it ended. */
  async #write(): Promise<void> {
    const random = this.#random;
    const { store } = random.pick(this.#members).node;
    const number = this.#next++;
    const base = { number, frames: 0, from: this.#net.log.last, to: 0, outcome: undefined };
    const op = (more: Partial<Op> & Pick<Op, "what">, run: () => Promise<unknown>) =>
      this.#do({ ...base, ...more }, run);
    const topic = random.pick(TOPICS);
    const key = random.pick(KEYS);
    const value = Buffer.from(JSON.stringify({ op: number }));
    switch (random.below(18)) {
      case 0:
      case 1:
      case 2: {
        const ttl = random.pick(TTLS);
        const isEphemeral = ttl === "ephemeral";
        const request = await this.#request(store, number, topic === "chain" ? "b" : topic, ttl);
        await op({ what: isEphemeral ? "other" : "append", frames: isEphemeral ? 0 : 1 }, () =>
          store.append(request),
        );
        return;
      }
      case 3: {
        const last = this.#ids.at(-1) ?? null;
        const is = random.chance(0.2) ? null : (this.#newestOfChain(store) ?? last);
        const expects = { of: "topic", name: "chain", is } as const;
        const request = await this.#request(store, number, "chain", "forever");
        await op({ what: "append", frames: 1, expects }, () =>
          store.append(request, { expectLast: is }),
        );
        return;
      }
      case 4: {
        const idempotencyKey = `key-${random.below(6)}`;
        // The same request each time, so its number is that of the key.
        const keyed = -1 - Number(idempotencyKey.slice(4));
        const request = await this.#request(store, keyed, "a", "forever", false);
        const twice = random.chance(0.5);
        const send = () =>
          op({ number: this.#next++, what: "append", frames: 1, idempotencyKey }, () =>
            store.apply([{ append: request }], { idempotencyKey }),
          );
        await send();
        if (twice) await send();
        return;
      }
      case 5:
      case 6: {
        const changes: Change[] = [];
        const frames = 1 + random.below(3);
        for (let i = 0; i < frames; i++) {
          const ttl = random.pick(["forever", "last:3", "time:50"]);
          changes.push({
            append: await this.#request(store, number, random.pick(["a", "b"]), ttl),
          });
        }
        changes.push({ put: { key, type: "application/json", value }, writer: "handler" });
        if (random.chance(0.3)) changes.push({ delete: random.pick(KEYS), writer: "handler" });
        const id = random.pick(this.#ids);
        if (id !== undefined && random.chance(0.2)) changes.push({ remove: id });
        await op({ what: "step", frames }, () => store.apply(changes));
        return;
      }
      case 7:
      case 8: {
        const is = random.chance(0.5) ? (this.#revs.get(key) ?? null) : undefined;
        const condition =
          is === undefined ? {} : is === null ? { ifNoneMatch: "*" as const } : { ifMatch: [is] };
        const expects = is === undefined ? {} : { expects: { of: "key", name: key, is } as const };
        await op({ what: "put", ...expects }, async () => {
          const rev = await store.kv.put(key, "application/json", value, condition);
          this.#revs.set(key, rev);
          return rev;
        });
        return;
      }
      case 9:
        await op({ what: "delete" }, () => store.kv.delete(key));
        return;
      case 10:
      case 11: {
        const id = random.pick(this.#ids);
        if (id !== undefined) await op({ what: "remove", id }, () => store.remove(id));
        return;
      }
      case 12:
        await this.#grow(store, number);
        return;
      case 13: {
        const isPast = random.chance(0.5);
        const at = this.#now + (isPast ? -1000 - random.below(10_000) : 100_000_000);
        const request = await this.#request(store, number, "a.b", "forever");
        const frames = isPast ? { frames: 1 } : {};
        await op({ what: "other", ...frames }, () =>
          store.append({ ...request, at, mayBeOver: true }),
        );
        return;
      }
      case 14:
      case 15:
        await this.#rest(number);
        return;
      default:
        await this.#handle(number);
    }
  }

  /**
   * One step of a handler: an output, and the cursor, which it has in memory. One may go on that began in an epoch that
   * is over.
   */
  async #handle(number: number): Promise<void> {
    const leader = this.#leader;
    const epoch = leader?.node.epoch;
    if (leader && epoch !== undefined && !this.#handlers.some((each) => each.epoch === epoch)) {
      const begun = { member: leader, node: leader.node, epoch, n: 0, isBusy: true };
      this.#handlers.push(begun);
      const cursor = await leader.node.store.kv.get("cursor");
      begun.n = cursor ? Number(Buffer.from(cursor.value).toString()) : 0;
      begun.isBusy = false;
    }
    const handler = this.#random.pick(this.#handlers);
    // Its process has ended with its node.
    if (!handler || handler.isBusy || handler.member.node !== handler.node) return;
    handler.isBusy = true;
    const n = handler.n + 1;
    const output = {
      topic: "out",
      meta: JSON.stringify({ op: number, n }),
      ttl: parseTtl("forever"),
      content: null,
    };
    const put = { key: "cursor", type: "text/plain", value: Buffer.from(String(n)) };
    const base = { from: this.#net.log.last, to: 0, outcome: undefined };
    const store = handler.node.storeUnder(handler.epoch);
    const step = this.#do({ ...base, number, what: "step", frames: 1 }, async () => {
      await store.apply([{ append: output }, { put, writer: "handler" }]);
      handler.n = n;
    });
    // It waits for as long as the journal is out of reach.
    this.#steps.push(
      step.then(() => {
        handler.isBusy = this.ops.some((op) => op.number === number && isUnknown(op));
      }),
    );
  }

  /** What is rare, or done on the leader alone. */
  async #rest(number: number): Promise<void> {
    const random = this.#random;
    const { store } = (this.#leader ?? random.pick(this.#members)).node;
    const other = random.pick(this.#members).node.store;
    const base = { number, what: "other", frames: 0, from: 0, to: 0, outcome: undefined } as const;
    const run = [
      () => other.upkeep.rules.set(keepRule("a.*", { count: 1 + random.below(3) })),
      () => other.upkeep.rules.end("a.*"),
      async () => {
        for await (const _ of store.upkeep.forget({
          topics: parseTakenTopics(random.pick(["b", "a.*"])),
        }));
      },
      async () => {
        const page = await other.schedules.page();
        const [first] = page;
        if (first) await other.schedules.remove(first.id);
      },
      async () => {
        const back = random.below(100_000) - 100;
        const id = packId({
          ts_ms: this.#now - back,
          counter_hi: 1,
          counter_lo: number,
          node: "00000000",
        });
        const ttl = parseTtl(random.pick(["forever", "last:3"]));
        await importFrames(store, [{ topic: "b", id, hash: null, meta: "null", ttl }], {
          restore: random.chance(0.3),
        });
      },
      () => store.upkeep.collect(),
      () => store.upkeep.forgetRemovals(random.below(2000)),
    ];
    await this.#do(base, random.pick(run));
  }

  /** Chunked content: its frames name the first one. */
  async #grow(store: Store, number: number): Promise<void> {
    const base = {
      what: "other",
      from: this.#net.log.last,
      to: 0,
      outcome: undefined,
      frames: 1,
    } as const;
    const chunk = (of: string | null, index: number, more: boolean, at: number) => ({
      topic: "a",
      meta: JSON.stringify({ op: at, chunk: { of, index, more } }),
      ttl: parseTtl("forever"),
      content: null,
    });
    let first: string | undefined;
    await this.#do({ ...base, number }, async () => {
      first = (
        JSON.parse(
          await store.append({ ...chunk(null, 0, true, number), growing: "begins" }),
        ) as Frame
      ).id;
    });
    if (first === undefined) return;
    const ended = { ended: first };
    const last = this.#next++;
    await this.#do({ ...base, number: last }, () =>
      store.append({ ...chunk(ended.ended, 1, false, last), growing: ended }),
    );
  }

  async #do(op: Op, run: () => Promise<unknown>): Promise<void> {
    this.ops.push(op);
    try {
      const value = await run();
      op.outcome = { value };
      const lines = Array.isArray(value) ? value : [value];
      for (const line of lines) {
        if (typeof line === "string" && line.startsWith("{")) this.#ids.push(JSON.parse(line).id);
      }
    } catch (error) {
      if (!(error instanceof XsError)) throw error;
      op.outcome = { code: error.code };
    }
    op.to = this.#net.log.last;
  }

  async #request(
    store: Store,
    op: number,
    topic: string,
    ttl: string,
    isRandom = true,
  ): Promise<AppendRequest> {
    const random = this.#random;
    let content: TakenContent | null = null;
    const size = random.below(12);
    if (isRandom && size < 3) {
      const text =
        size === 0 && ttl !== "ephemeral"
          ? "x".repeat(LARGE + random.below(3))
          : `content ${random.below(5)}`;
      content = await store.content.take(Buffer.from(text), ttl === "ephemeral");
      if (content && ttl !== "ephemeral") this.#contents.set(content.hash, text);
    }
    const of = random.pick(this.#ids);
    const link = isRandom && of !== undefined && random.chance(0.2) ? { cause: of } : {};
    const text = ttl === "until:+70" ? `until:${this.#now + 70}` : ttl;
    return { topic, meta: JSON.stringify({ op, ...link }), ttl: parseTtl(text), content };
  }

  #newestOfChain(store: Store): string | undefined {
    const line = store.neighbour("~", "previous", ["chain"]);
    return line === undefined ? undefined : (JSON.parse(line) as Frame).id;
  }

  /** Everything is in reach again, and every node has every record. */
  async #settle(): Promise<void> {
    for (const { cluster } of this.#members) {
      cluster.heal();
      cluster.slow(0);
      cluster.journal.lostAcks = 0;
      cluster.journal.refusals = 0;
    }
    await within("the steps of handlers", Promise.all(this.#steps));
    await until("a last write goes through", async () => {
      const [member] = this.#members;
      try {
        await member?.node.store.kv.put("last", "text/plain", Buffer.from("last"));
        return true;
      } catch {
        return false;
      }
    });
    await until("every node has all", () =>
      this.#members.every(({ node }) => node.replica.state.applied === this.#net.log.last),
    );
  }

  async #check(): Promise<void> {
    const history = new History(this.ops);
    const { log } = this.#net;
    let prev: Uint8Array = new Uint8Array(32);
    for (let at = 1; at <= log.last; at++) {
      const bytes = log.at(at);
      if (!bytes) continue;
      const record = decodeRecord(bytes, KEY);
      if (Buffer.compare(record.prev, prev) !== 0) this.#problems.push(`the chain breaks at ${at}`);
      prev = hashOfRecord(bytes);
      history.record(at, record.epoch, record.effects, this.#clock.get(at) ?? Infinity);
    }
    this.#problems.push(...history.finish());
    for (const [name, dumps] of this.#dumps) {
      for (const [at, { lines }] of dumps) {
        if (!Bun.deepEquals(lines, history.dumps.get(at))) {
          this.#problems.push(
            `${name} is not the model at ${at}: ${difference(lines, history.dumps.get(at))}`,
          );
          break;
        }
      }
    }
    for (const member of this.#members) await this.#checkMember(member, history);
  }

  async #checkMember({ name, node, seen }: Member, history: History): Promise<void> {
    // It starts a thread, which costs more than all the rest.
    if (this.#random.chance(0.03)) {
      for (const problem of await problemsOf(node.store))
        this.#problems.push(`${name}: ${problem}`);
    }
    for (const { line, expires } of history.frames.values()) {
      const { hash } = JSON.parse(line) as Frame;
      // What has expired may go at any moment.
      if (hash === null || expires !== null) continue;
      const text = await (await node.store.content.open(hash))?.text();
      if (text === undefined || text !== this.#contents.get(hash)) {
        this.#problems.push(`${name} has not the content of ${line}`);
      }
    }
    // What stays for ever was seen by whoever follows, once, in the order of arrival.
    // Content that nobody feeds any more may be ended while this looks.
    const durable = seen.filter(({ id, ttl }) => ttl !== "ephemeral" && id <= history.newest);
    const ids = new Set(seen.map(({ id }) => id));
    for (const [at, { id, topic }] of seen.entries()) {
      // Those of thresholds are counted up from the newest frame.
      if (topic === "stream.cross.threshold") continue;
      const before = seen.findIndex((frame) => frame.id === id);
      if (before === at) continue;
      const around = seen.slice(Math.max(0, before - 1)).map((frame) => JSON.stringify(frame));
      this.#problems.push(`who follows ${name} got a frame twice: ${around.join(" ")}`);
      break;
    }
    for (const { id, line, expires } of history.frames.values()) {
      if (!ids.has(id) && expires === null) {
        this.#problems.push(`who follows ${name} missed ${line}`);
      }
    }
    const places = durable.map(({ id }) => history.came.get(id) ?? 0);
    for (const [at, record] of places.entries()) {
      if (record === 0) this.#problems.push(`who follows ${name} got what is in no record`);
      if (record < (places[at - 1] ?? 0)) this.#problems.push(`who follows ${name} went back`);
    }
    const numbers = seen
      .filter(({ ttl }) => ttl === "ephemeral")
      .map((frame) => opIn(JSON.stringify(frame)));
    const known = numbers.filter((op) => op !== undefined);
    if (new Set(known).size !== known.length)
      this.#problems.push(`who follows ${name} got an ephemeral frame twice`);
  }
}

/** Does what a seed says, in a directory of its own. Returns what was wrong. */
export async function runSeed(
  seed: number,
  directory: string,
  mutate?: Mutation,
  steps = 14,
): Promise<string[]> {
  return new Run(seed, directory, mutate).go(steps);
}

/** A record with nothing in it, as another node that believes that it leads would put it. */
function rivalRecord(before: Uint8Array | undefined): Uint8Array {
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  if (!before) {
    return encodeRecord(
      { prev: new Uint8Array(32), nonce, epoch: 0, newest: "", effects: [] },
      KEY,
    );
  }
  const { epoch, effects, newest } = decodeRecord(before, KEY);
  const lead = effects.find((effect) => effect.kind === "lead");
  return encodeRecord(
    { prev: hashOfRecord(before), nonce, epoch: lead?.epoch ?? epoch, newest, effects: [] },
    KEY,
  );
}

function difference(found: readonly string[], wanted: readonly string[] = []): string {
  const more = found.filter((line) => !wanted.includes(line));
  const less = wanted.filter((line) => !found.includes(line));
  return JSON.stringify({ more: more.slice(0, 3), less: less.slice(0, 3) });
}

/** As `within` of the tests, with the patience that a machine needs on which a dozen stores share a processor. */
async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`waited in vain: ${what}`)), 180_000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
