import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { syncNow } from "../../src/lib/fsync.ts";
import { replicaIn } from "../../src/store/sqlite/replica/replica-state.ts";
import { Server, type ServerOptions } from "./server.ts";
import { tempDirectory } from "./temp.ts";
import { until } from "./wait.ts";

/** How far a node has the journal, as its directory says. */
export type NodeState = NonNullable<ReturnType<typeof replicaIn>>;

/** How the nodes of a test are made. */
export interface RealNodesOptions {
  /** The address of the journal, for each node. */
  readonly journal: (node: number) => string;
  readonly count?: number;
  readonly server?: (node: number) => ServerOptions;
  /** The folder with the stores, instead of one that is made, and goes. */
  readonly home?: (node: number) => string;
}

/** Nodes of one store as processes of `xs serve --journal`, named a, b, c …; gone at the end of the test. */
export class RealNodes implements AsyncDisposable {
  readonly #home = tempDirectory();
  readonly #options: RealNodesOptions;
  readonly #servers: (Server | undefined)[] = [];
  /** Those that answer; one that is frozen counts. */
  readonly #up = new Set<number>();
  readonly count: number;

  private constructor(options: RealNodesOptions) {
    this.#options = options;
    this.count = options.count ?? 3;
  }

  /** Starts all, the first before the others, and waits until they answer. */
  static async start(options: RealNodesOptions): Promise<RealNodes> {
    const nodes = new RealNodes(options);
    try {
      await nodes.start(0);
      await until("the cluster key", () => existsSync(join(nodes.directory(0), "cluster-key")));
      await Promise.all(nodes.all.slice(1).map((i) => nodes.start(i)));
      return nodes;
    } catch (error) {
      await nodes[Symbol.asyncDispose]();
      throw error;
    }
  }

  get all(): number[] {
    return Array.from({ length: this.count }, (_, i) => i);
  }

  /** The nodes that answer, or would if they were not frozen. */
  get up(): readonly number[] {
    return [...this.#up];
  }

  name(i: number): string {
    return String.fromCharCode("a".charCodeAt(0) + i);
  }

  directory(i: number): string {
    return join(this.#options.home?.(i) ?? this.#home.path, `node-${this.name(i)}`);
  }

  server(i: number): Server {
    const server = this.#servers[i];
    if (!server) throw new Error(`node ${this.name(i)} was not started`);
    return server;
  }

  /** Starts a node, without to wait for it. */
  launch(i: number): Server {
    const directory = this.directory(i);
    mkdirSync(directory, { recursive: true });
    const key = join(directory, "cluster-key");
    if (i > 0 && !existsSync(key)) {
      copyFileSync(join(this.directory(0), "cluster-key"), key);
      for (const path of [key, directory, dirname(directory)]) syncNow(path);
    }
    const options = this.#options.server?.(i) ?? {};
    const args = ["--journal", this.#options.journal(i), "--node", this.name(i)];
    const server = new Server(directory, { ...options, args: [...args, ...(options.args ?? [])] });
    this.#servers[i] = server;
    return server;
  }

  /** Starts one more node, named otherwise, without to wait for it. */
  launchMore(name: string, journal: string, options: ServerOptions = {}): Server {
    const directory = join(this.#home.path, `more-${name}`);
    mkdirSync(directory, { recursive: true });
    copyFileSync(join(this.directory(0), "cluster-key"), join(directory, "cluster-key"));
    const args = ["--journal", journal, "--node", name, ...(options.args ?? [])];
    return new Server(directory, { ...options, args });
  }

  async start(i: number): Promise<Server> {
    const server = await this.launch(i).ready();
    this.#up.add(i);
    return server;
  }

  async stop(i: number, signal: NodeJS.Signals): Promise<number> {
    this.#up.delete(i);
    return await this.server(i).stop(signal);
  }

  freeze(i: number): void {
    process.kill(this.server(i).pid, "SIGSTOP");
  }

  thaw(i: number): void {
    process.kill(this.server(i).pid, "SIGCONT");
  }

  /** What the directory of a node says of the journal; undefined before its first record. */
  state(i: number): NodeState | undefined {
    const path = join(this.directory(i), "events.db");
    if (!existsSync(path)) return undefined;
    try {
      using db = new Database(path, { readonly: true });
      return replicaIn(db);
    } catch {
      // It is just being made.
      return undefined;
    }
  }

  /** The newest of what all directories say. */
  get newest(): NodeState | undefined {
    return this.all
      .flatMap((i) => this.state(i) ?? [])
      .toSorted((one, other) => other.applied - one.applied)[0];
  }

  /** The node that leads. @param epoch it has to be newer than this one */
  async leader(epoch = 0): Promise<number> {
    return await until("a node leads", () => {
      const leader = this.newest?.leader;
      if (!leader || leader.node === "" || leader.epoch <= epoch) return undefined;
      return { at: leader.node.charCodeAt(0) - "a".charCodeAt(0) };
    }).then(({ at }) => at);
  }

  /** Waits until all nodes have the same records, and no more come for a moment. */
  async atRest(): Promise<NodeState> {
    let before = -1;
    return await until("all nodes have the same records", async () => {
      const states = this.all.map((i) => this.state(i));
      const [first] = states;
      const isSame = states.every((state) => state && state.chain === first?.chain);
      const isStill = isSame && first?.applied === before;
      before = isSame && first ? first.applied : -1;
      if (!isStill) await Bun.sleep(300);
      return isStill && first;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) await server?.[Symbol.asyncDispose]();
    this.#home[Symbol.dispose]();
  }
}
