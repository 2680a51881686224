import { randomFillSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { quantile } from "../statistics.ts";
import { Tally } from "../tally.ts";
import { hammer, type Peer } from "./peer.ts";
import { Wire } from "./wire.ts";

const PORT = 42_229;
const CRLF = Buffer.from("\r\n");

/** A connection that speaks the protocol of NATS (https://docs.nats.io/reference/reference-protocols/nats-protocol). */
class Client {
  readonly #wire: Wire;
  readonly #inbox = `_INBOX.${crypto.randomUUID()}`;
  #answers = new Map<string, (payload: string) => void>();
  #sent = 0;
  /** Told of each message that is no answer. */
  onMessage: (subject: string) => void = () => {};

  private constructor(wire: Wire) {
    this.#wire = wire;
  }

  static async open(): Promise<Client> {
    let client: Client | undefined;
    const place = { hostname: "127.0.0.1", port: PORT };
    const wire = await Wire.open(place, (bytes) => client?.parse(bytes) ?? 0);
    client = new Client(wire);
    wire.send('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n');
    wire.send(`SUB ${client.#inbox}.* 1\r\n`);
    return client;
  }

  subscribe(subject: string): void {
    this.#wire.send(`SUB ${subject} 2\r\n`);
  }

  /** Publishes, and gives the answer. */
  request(subject: string, payload: string | Buffer): Promise<string> {
    const id = String(this.#sent++);
    return new Promise((resolve) => {
      this.#answers.set(id, resolve);
      const head = `PUB ${subject} ${this.#inbox}.${id} ${Buffer.byteLength(payload)}\r\n`;
      this.#wire.send(head, payload, CRLF);
    });
  }

  parse(bytes: Buffer): number {
    let done = 0;
    for (;;) {
      const lineEnd = bytes.indexOf(CRLF, done);
      if (lineEnd < 0) return done;
      const line = bytes.toString("latin1", done, lineEnd);
      const [kind = "", ...words] = line.split(" ");
      if (kind === "MSG" || kind === "HMSG") {
        const length = Number(words.at(-1));
        const end = lineEnd + 2 + length;
        if (bytes.length < end + 2) return done;
        this.#take(words[0] ?? "", bytes, lineEnd + 2, end);
        done = end + 2;
        continue;
      }
      if (kind === "PING") this.#wire.send("PONG\r\n");
      if (kind === "-ERR") throw new Error(`NATS says ${line}`);
      done = lineEnd + 2;
    }
  }

  #take(subject: string, bytes: Buffer, start: number, end: number): void {
    if (!subject.startsWith(this.#inbox)) {
      this.onMessage(subject);
      return;
    }
    const id = subject.slice(this.#inbox.length + 1);
    const answer = this.#answers.get(id);
    this.#answers.delete(id);
    answer?.(bytes.toString("utf8", start, end));
  }

  close(): void {
    this.#wire.close();
  }
}

/** NATS JetStream with a stream on files. */
export class Nats implements Peer {
  readonly name = "NATS JetStream";
  settings = "file storage, one replica, TCP on loopback";
  #child: Bun.Subprocess | undefined;

  async start(directory: string): Promise<void> {
    mkdirSync(directory, { recursive: true });
    const config = resolve(directory, "nats.conf");
    const server = (sync: string) =>
      `listen: "127.0.0.1:${PORT}"\njetstream { store_dir: "${resolve(directory)}"${sync} }\n`;
    // Before 2.10 there is no such setting, and an acknowledged message is not synced.
    writeFileSync(config, server(", sync_interval: always"));
    const check = Bun.spawnSync(["nats-server", "-t", "-c", config]);
    const durable = check.exitCode === 0;
    if (!durable) writeFileSync(config, server(""));
    const version = Bun.spawnSync(["nats-server", "--version"]).stdout.toString().trim();
    this.settings = `${version}, file storage, one replica, TCP on loopback; ${
      durable
        ? "`sync_interval: always`"
        : "**not durable**: this version cannot sync before it acknowledges (every 2 minutes)"
    }`;
    this.#child = Bun.spawn(["nats-server", "-c", config], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    for (;;) {
      try {
        const client = await Client.open();
        client.close();
        break;
      } catch {
        await Bun.sleep(10);
      }
    }
    await this.#api("STREAM.CREATE.xs", {
      name: "xs",
      subjects: ["a.>"],
      storage: "file",
      retention: "limits",
      num_replicas: 1,
    });
    await this.#api("STREAM.CREATE.all", {
      name: "all",
      subjects: ["all.>"],
      storage: "file",
      retention: "limits",
      num_replicas: 1,
    });
  }

  async stop(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#child?.exited;
  }

  async append(clients: number, count: number, content: number): Promise<number> {
    const all = await this.#clients(clients);
    const meta = Buffer.from('{"n":1}');
    const body = Buffer.concat([meta, randomFillSync(Buffer.alloc(content))]);
    const rate = await hammer(all, count, (client) => {
      if (content > 0) randomFillSync(body, meta.length, 16);
      return publish(client, "a.appended", body);
    });
    for (const client of all) client.close();
    return rate;
  }

  async fill(count: number, rare: number): Promise<void> {
    const [client] = await this.#clients(1);
    const every = count / rare;
    const step = 1000;
    for (let n = 0; n < count; n += step) {
      const calls: Promise<void>[] = [];
      for (let i = n; i < Math.min(n + step, count); i++) {
        const topic = i % every === 0 ? "rare" : "note";
        calls.push(publish(client as Client, `all.${topic}`, `{"n":${i}}`));
      }
      await Promise.all(calls);
    }
    client?.close();
  }

  async replay(count: number): Promise<number> {
    return count / (await this.#consume("all", undefined, count));
  }

  async topic(rare: number, times: number): Promise<number> {
    const started = performance.now();
    for (let n = 0; n < times; n++) await this.#consume("all", "all.rare", rare);
    return times / ((performance.now() - started) / 1000);
  }

  async latency(count: number): Promise<{ p50: number; p99: number }> {
    const tally = new Tally();
    const follower = await this.#follow("xs", tally);
    const [writer] = await this.#clients(1);
    const times: number[] = [];
    for (let n = 0; n < count; n++) {
      const started = performance.now();
      const acknowledged = publish(writer as Client, "a.followed", '{"n":1}');
      await tally.reach(n + 1);
      times.push(performance.now() - started);
      await acknowledged;
    }
    writer?.close();
    follower.close();
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
  }

  async fanOut(followers: number, appends: number): Promise<number> {
    const tally = new Tally();
    const all: Client[] = [];
    while (all.length < followers) all.push(await this.#follow("xs", tally));
    const [writer] = await this.#clients(1);
    const started = performance.now();
    for (let n = 0; n < appends; n++) await publish(writer as Client, "a.fanned", '{"n":1}');
    await tally.reach(followers * appends);
    const seconds = (performance.now() - started) / 1000;
    for (const client of [...all, writer]) client?.close();
    return (followers * appends) / seconds;
  }

  /** Seconds until a new consumer had so many messages. */
  async #consume(stream: string, filter: string | undefined, count: number): Promise<number> {
    const [client] = await this.#clients(1);
    const tally = new Tally();
    const deliver = `deliver.${crypto.randomUUID()}`;
    if (client) client.onMessage = () => tally.add(1);
    client?.subscribe(deliver);
    const started = performance.now();
    await create(client as Client, stream, deliver, "all", filter);
    await tally.reach(count);
    const seconds = (performance.now() - started) / 1000;
    client?.close();
    return seconds;
  }

  /** A client that gets what is new in a stream. */
  async #follow(stream: string, tally: Tally): Promise<Client> {
    const client = await Client.open();
    const deliver = `deliver.${crypto.randomUUID()}`;
    client.onMessage = () => tally.add(1);
    client.subscribe(deliver);
    await create(client, stream, deliver, "new", undefined);
    return client;
  }

  async #api(name: string, body: object): Promise<void> {
    const [client] = await this.#clients(1);
    await call(client as Client, name, body);
    client?.close();
  }

  #clients(count: number): Promise<Client[]> {
    return Promise.all(Array.from({ length: count }, () => Client.open()));
  }
}

async function publish(client: Client, subject: string, payload: string | Buffer): Promise<void> {
  const answer = await client.request(subject, payload);
  if (!answer.includes('"seq"')) throw new Error(`NATS did not keep it: ${answer}`);
}

async function call(client: Client, name: string, body: object): Promise<void> {
  const answer = await client.request(`$JS.API.${name}`, JSON.stringify(body));
  if (answer.includes('"error"')) throw new Error(`NATS says ${answer}`);
}

/** An ephemeral push consumer, which needs no acknowledgements. */
function create(
  client: Client,
  stream: string,
  deliver: string,
  policy: "all" | "new",
  filter: string | undefined,
): Promise<void> {
  return call(client, `CONSUMER.CREATE.${stream}`, {
    stream_name: stream,
    config: {
      deliver_subject: deliver,
      deliver_policy: policy,
      ack_policy: "none",
      replay_policy: "instant",
      ...(filter && { filter_subject: filter }),
    },
  });
}
