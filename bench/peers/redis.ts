import { randomFillSync } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { quantile } from "../statistics.ts";
import { Tally } from "../tally.ts";
import { hammer, type Peer } from "./peer.ts";
import { Wire } from "./wire.ts";

/** Entries that one XRANGE asks for. */
const PAGE = 1000;

/** A reply of the RESP2 protocol, as far as it is needed here; an entry's id is all that is kept. */
type Reply = string | number | null | Reply[];

/** A connection that speaks RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
class Client {
  readonly #wire: Wire;
  #waiting: ((reply: Reply) => void)[] = [];

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  static async open(unix: string): Promise<Client> {
    let client: Client | undefined;
    const wire = await Wire.open({ unix }, (bytes) => client?.parse(bytes) ?? 0);
    client = new Client(wire);
    return client;
  }

  call(...words: (string | Buffer)[]): Promise<Reply> {
    const pieces: (string | Buffer)[] = [`*${words.length}\r\n`];
    for (const word of words) pieces.push(`$${Buffer.byteLength(word)}\r\n`, word, "\r\n");
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#wire.send(...pieces);
    });
  }

  parse(bytes: Buffer): number {
    let done = 0;
    for (let read = readReply(bytes, 0); read; read = readReply(bytes, done)) {
      done = read.end;
      this.#waiting.shift()?.(read.reply);
    }
    return done;
  }

  close(): void {
    this.#wire.close();
  }
}

function readReply(bytes: Buffer, start: number): { reply: Reply; end: number } | undefined {
  const lineEnd = bytes.indexOf("\r\n", start);
  if (lineEnd < 0) return undefined;
  const text = bytes.toString("latin1", start + 1, lineEnd);
  let end = lineEnd + 2;
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case "-":
      throw new Error(`Redis says ${text}`);
    case "$": {
      const length = Number(text);
      if (length < 0) return { reply: null, end };
      if (bytes.length < end + length + 2) return undefined;
      return { reply: bytes.toString("latin1", end, end + length), end: end + length + 2 };
    }
    case "*": {
      const reply: Reply[] = [];
      for (let n = 0; n < Number(text); n++) {
        const element = readReply(bytes, end);
        if (!element) return undefined;
        reply.push(element.reply);
        end = element.end;
      }
      return { reply: Number(text) < 0 ? null : reply, end };
    }
    case ":":
      return { reply: Number(text), end };
    default:
      return { reply: text, end };
  }
}

/** Redis Streams, durable: every append is synced before its answer. */
export class Redis implements Peer {
  readonly name = "Redis Streams";
  readonly settings =
    "`appendonly yes`, `appendfsync always`, `save ''`, unix socket; content as a field of the entry; all of it in memory";
  #child: Bun.Subprocess | undefined;
  #unix = "";

  async start(directory: string): Promise<void> {
    mkdirSync(directory, { recursive: true });
    this.#unix = resolve(directory, "s");
    const settings = ["--port", "0", "--unixsocket", this.#unix, "--dir", resolve(directory)];
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
    this.#child = Bun.spawn(["redis-server", ...settings, ...durable], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    while (!existsSync(this.#unix)) await Bun.sleep(5);
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#child?.exited;
  }

  async append(clients: number, count: number, content: number): Promise<number> {
    const all = await this.#clients(clients);
    const body = randomFillSync(Buffer.alloc(content));
    const rate = await hammer(all, count, (client) => {
      if (content === 0) return client.call("XADD", "appended", "*", "meta", '{"n":1}');
      randomFillSync(body, 0, 16);
      return client.call("XADD", "appended", "*", "meta", '{"n":1}', "content", body);
    });
    for (const client of all) client.close();
    return rate;
  }

  async fill(count: number, rare: number): Promise<void> {
    const [client] = await this.#clients(1);
    const every = count / rare;
    for (let n = 0; n < count; n += PAGE) {
      const calls: Promise<Reply>[] = [];
      for (let i = n; i < Math.min(n + PAGE, count); i++) {
        const topic = i % every === 0 ? "rare" : "note";
        const entry = ["*", "topic", topic, "meta", `{"n":${i}}`];
        calls.push(client?.call("XADD", "all", ...entry) as Promise<Reply>);
        // A stream has no topics within it: a reader of one needs a stream of its own.
        if (topic === "rare") calls.push(client?.call("XADD", "rare", ...entry) as Promise<Reply>);
      }
      await Promise.all(calls);
    }
    client?.close();
  }

  async replay(count: number): Promise<number> {
    const [client] = await this.#clients(1);
    const started = performance.now();
    let from = "-";
    let seen = 0;
    for (;;) {
      const page = (await client?.call("XRANGE", "all", from, "+", "COUNT", `${PAGE}`)) as Reply[];
      seen += page.length;
      const last = (page.at(-1) as Reply[] | undefined)?.[0];
      if (page.length < PAGE) break;
      from = `(${last}`;
    }
    if (seen !== count) throw new Error(`Redis replayed ${seen} of ${count}`);
    client?.close();
    return count / ((performance.now() - started) / 1000);
  }

  async topic(rare: number, times: number): Promise<number> {
    const all = await this.#clients(1);
    const rate = await hammer(all, times, async (client) => {
      const page = (await client.call("XRANGE", "rare", "-", "+")) as Reply[];
      if (page.length !== rare) throw new Error(`Redis found ${page.length} of ${rare}`);
    });
    all[0]?.close();
    return rate;
  }

  async latency(count: number): Promise<{ p50: number; p99: number }> {
    const [follower, writer] = await this.#clients(2);
    const times: number[] = [];
    let last = "0";
    for (let n = 0; n < count; n++) {
      const waiting = follower?.call("XREAD", "BLOCK", "0", "STREAMS", "followed", last);
      const started = performance.now();
      last = String(await writer?.call("XADD", "followed", "*", "meta", '{"n":1}'));
      await waiting;
      times.push(performance.now() - started);
    }
    follower?.close();
    writer?.close();
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  }

  async fanOut(followers: number, appends: number): Promise<number> {
    const tally = new Tally();
    const all = await this.#clients(followers + 1);
    const writer = all.pop();
    const follow = async (client: Client) => {
      let last = "0";
      for (let got = 0; got < appends; ) {
        const reply = (await client.call(
          "XREAD",
          "BLOCK",
          "0",
          "STREAMS",
          "fanned",
          last,
        )) as Reply[];
        const entries = (reply[0] as Reply[])[1] as Reply[];
        last = String((entries.at(-1) as Reply[])[0]);
        got += entries.length;
        tally.add(entries.length);
      }
    };
    const following = all.map(follow);
    const started = performance.now();
    for (let n = 0; n < appends; n++) await writer?.call("XADD", "fanned", "*", "meta", '{"n":1}');
    await tally.reach(followers * appends);
    const seconds = (performance.now() - started) / 1000;
    await Promise.all(following);
    for (const client of [...all, writer]) client?.close();
    return (followers * appends) / seconds;
  }

  #clients(count: number): Promise<Client[]> {
    return Promise.all(Array.from({ length: count }, () => Client.open(this.#unix)));
  }
}
