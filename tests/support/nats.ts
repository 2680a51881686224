import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until, within } from "./wait.ts";

const VERSION = "v2.15.2";
const CACHE = join(import.meta.dir, "../../node_modules/.cache/nats-server");
/** The program, once it is built. */
export const NATS_SERVER = join(CACHE, `nats-server-${VERSION}`);

/** How long one process may build the server before another one no longer waits for it, in ms. */
const BUILD_MS = 600_000;

/** Why there is no nats-server here; undefined where there is one. The first caller builds it: about a minute. */
function missingNats(): string | undefined {
  if (existsSync(NATS_SERVER)) return undefined;
  const go = Bun.which("go") ?? ["/usr/local/go/bin/go"].find((path) => existsSync(path));
  if (!go) return "there is no Go, which builds nats-server";
  mkdirSync(CACHE, { recursive: true });
  const lock = join(CACHE, "lock");
  for (;;) {
    try {
      mkdirSync(lock);
      break;
    } catch {
      // Another file of tests builds it, or was killed while it did.
      const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (Date.now() - since > BUILD_MS) rmSync(lock, { recursive: true, force: true });
      if (existsSync(NATS_SERVER)) return undefined;
      Bun.sleepSync(200);
    }
  }
  try {
    if (existsSync(NATS_SERVER)) return undefined;
    const build = Bun.spawnSync(
      [go, "install", `github.com/nats-io/nats-server/v2@${VERSION}`],
      // Where a folder is given, Go puts the program there; so a build that was cut off is never taken.
      { cwd: CACHE, env: { ...process.env, GOBIN: join(CACHE, "new"), GOFLAGS: "-mod=mod" } },
    );
    if (build.exitCode !== 0) return `nats-server cannot be built: ${build.stderr}`.trim();
    renameSync(join(CACHE, "new/nats-server"), NATS_SERVER);
    return undefined;
  } finally {
    rmSync(lock, { recursive: true, force: true });
  }
}

const missing = missingNats();
if (missing) process.stderr.write(`what needs NATS is skipped: ${missing}\n`);

/** Whether there are NATS servers here. */
export const hasNats = missing === undefined;

/** What nats-server has against a configuration; empty if nothing. */
export function checkNatsConfig(text: string): string {
  const home = newFolder();
  const path = join(home, "nats.conf");
  writeFileSync(path, text);
  const { exitCode, stderr } = Bun.spawnSync([NATS_SERVER, "-t", "-c", path]);
  rmSync(home, { recursive: true });
  return exitCode === 0 ? "" : String(stderr);
}

/** What a test wants of the servers beside their number. */
export interface NatsOptions {
  /** Default `always`. */
  readonly syncInterval?: string;
  /** Of JetStream. */
  readonly domain?: string;
  /** Default true. */
  readonly jetStream?: boolean;
  /** In bytes. */
  readonly maxPayload?: number;
  /** How much a server may store, as in `16MB`. */
  readonly maxFile?: string;
  /** More lines for the configuration of each server. */
  readonly more?: string;
  /** The folder in which that of each server is, instead of one that is made, and goes. */
  readonly home?: (i: number) => string;
  /** Where each server listens, instead of on loopback, and a command that runs it there. */
  readonly at?: (i: number) => { readonly host: string; readonly under: readonly string[] };
}

interface One {
  readonly port: number;
  readonly route: number;
  readonly monitor: number;
  readonly folder: string;
  child?: Bun.Subprocess | undefined;
}

/** Real servers on loopback, each with its own folder; gone at the end of the test. */
export class NatsServers implements AsyncDisposable {
  readonly #home = newFolder();
  #options: NatsOptions;
  readonly #all: One[] = [];

  private constructor(options: NatsOptions) {
    this.#options = options;
  }

  /** Starts a number of servers, as a cluster if they are more than one, and waits until they take streams. */
  static async start(count: number, options: NatsOptions = {}): Promise<NatsServers> {
    const servers = new NatsServers(options);
    const ports = await freePorts(count * 3);
    for (let i = 0; i < count; i++) {
      const [port = 0, route = 0, monitor = 0] = ports.slice(i * 3, i * 3 + 3);
      const folder = join(options.home?.(i) ?? servers.#home, `n${i + 1}`);
      mkdirSync(folder);
      servers.#all.push({ port, route, monitor, folder });
    }
    try {
      await Promise.all(servers.#all.map((_, i) => servers.start(i)));
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
    return servers;
  }

  /** The ports for clients. */
  get ports(): number[] {
    return this.#all.map(({ port }) => port);
  }

  /** The ports for HTTP. */
  get monitors(): number[] {
    return this.#all.map(({ monitor }) => monitor);
  }

  /** The folder of a server, in which `jetstream` holds its streams. */
  folder(i: number): string {
    return this.#one(i).folder;
  }

  /** The address of a journal. @param ports of proxies, in place of the servers' */
  url(name: string, ports: readonly number[] = this.ports, user = ""): string {
    const hosts = ports.map((port, i) => `${this.#host(i)}:${port}`).join(",");
    return `nats://${user}${hosts}/${name}?monitor=${this.monitors.join(",")}`;
  }

  /** Starts a server, again on its own folder, and waits until it is a part of the whole. @param changed of the options of all */
  async start(i: number, changed: NatsOptions = {}): Promise<void> {
    this.#options = { ...this.#options, ...changed };
    const one = this.#one(i);
    const config = join(one.folder, "nats.conf");
    writeFileSync(config, this.#config(i));
    const log = join(one.folder, "log");
    const { under = [] } = this.#options.at?.(i) ?? {};
    one.child = Bun.spawn([...under, NATS_SERVER, "-c", config, "-l", log], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    const { child } = one;
    await until(`server ${i} of NATS is ready`, async () => {
      if (child.exitCode !== null) throw new Error(await Bun.file(log).text());
      return await this.isReady(i);
    });
  }

  /** Whether a server answers, knows the leader of the whole, and has caught up. */
  async isReady(i: number): Promise<boolean> {
    try {
      const { meta_cluster: meta } = (await this.monitor(i, "/jsz")) as {
        meta_cluster?: { leader?: string; cluster_size?: number };
      };
      if (this.#all.length > 1) {
        if (!meta?.leader || meta.cluster_size !== this.#all.length) return false;
      }
      const health = await this.monitor(i, "/healthz");
      return (health as { status?: string }).status === "ok";
    } catch {
      return false;
    }
  }

  /** What a server says at a path of its port for HTTP. */
  async monitor(i: number, path: string): Promise<unknown> {
    const response = await fetch(`http://${this.#host(i)}:${this.#one(i).monitor}${path}`, {
      signal: AbortSignal.timeout(2000),
    });
    return await response.json();
  }

  /** The server that leads a stream now. */
  async leaderOf(stream: string): Promise<number> {
    if (this.#all.length === 1) return 0;
    return await until(`a leader of ${stream}`, async () => {
      for (const [i, { child }] of this.#all.entries()) {
        if (!child || child.exitCode !== null) continue;
        const found = await this.monitor(i, "/jsz?streams=1").catch(() => undefined);
        const leader = leaderIn(found, stream);
        if (leader) return { at: Number(leader.slice(1)) - 1 };
      }
      return undefined;
    }).then(({ at }) => at);
  }

  /** Ends a server, and waits until it is gone. */
  async kill(i: number, signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const { child } = this.#one(i);
    if (!child) return;
    child.kill(signal);
    await within(`the end of server ${i} of NATS`, child.exited);
  }

  /** The process of a server; 0 where there is none. */
  pid(i: number): number {
    return this.#one(i).child?.pid ?? 0;
  }

  freeze(i: number): void {
    this.#one(i).child?.kill("SIGSTOP");
  }

  thaw(i: number): void {
    this.#one(i).child?.kill("SIGCONT");
  }

  /** Flips a bit of a text in the files of a stream, on a server that does not run. */
  flipBit(i: number, stream: string, inside: string): void {
    const blocks = join(this.folder(i), "jetstream/$G/streams", stream, "msgs");
    for (const name of readdirSync(blocks).filter((file) => file.endsWith(".blk"))) {
      const path = join(blocks, name);
      const block = readFileSync(path);
      const at = block.indexOf(inside);
      if (at < 0) continue;
      block.writeUInt8(block.readUInt8(at) ^ 1, at);
      writeFileSync(path, block);
      return;
    }
    throw new Error(`there is no ${inside} in ${blocks}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const i of this.#all.keys()) await this.kill(i);
    rmSync(this.#home, { recursive: true, force: true });
  }

  #one(i: number): One {
    const one = this.#all[i];
    if (!one) throw new Error(`there is no server ${i}`);
    return one;
  }

  #host(i: number): string {
    return this.#options.at?.(i).host ?? "127.0.0.1";
  }

  #config(i: number): string {
    const { port, route, monitor, folder } = this.#one(i);
    const {
      syncInterval = "always",
      jetStream = true,
      maxPayload,
      maxFile = "64GB",
      more = "",
    } = this.#options;
    const named = this.#options.domain ? `domain: ${this.#options.domain}, ` : "";
    const store = `${named}store_dir: "${folder}", sync_interval: "${syncInterval}"`;
    const host = this.#host(i);
    const routes = this.#all.map((other, n) => `nats://${this.#host(n)}:${other.route}`).join(", ");
    return `server_name: n${i + 1}
listen: ${host}:${port}
http: ${host}:${monitor}
${jetStream ? `jetstream { ${store}, max_mem: 256MB, max_file: ${maxFile} }` : ""}
${maxPayload ? `max_payload: ${maxPayload}` : ""}
${
  this.#all.length > 1
    ? `cluster { name: c, listen: ${host}:${route}, routes: [${routes}], pool_size: -1 }`
    : ""
}
${more}
`;
  }
}

/** The benchmark starts servers too: nothing here belongs to the runner of tests. */
function newFolder(): string {
  return mkdtempSync(join(tmpdir(), "xs-"));
}

function leaderIn(jsz: unknown, stream: string): string | undefined {
  const { account_details: accounts = [] } = (jsz ?? {}) as {
    account_details?: { stream_detail?: { name: string; cluster?: { leader?: string } }[] }[];
  };
  return accounts
    .flatMap(({ stream_detail: streams = [] }) => streams)
    .find(({ name }) => name === stream)?.cluster?.leader;
}

/** Ports of loopback on which nothing listens. */
export async function freePorts(count: number): Promise<number[]> {
  const taken = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  return await Promise.all(
    taken.map(async (server) => {
      const { port } = server.address() as { port: number };
      await new Promise((resolve) => server.close(resolve));
      return port;
    }),
  );
}
