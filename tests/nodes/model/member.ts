import { join } from "node:path";
import { type Frame, linesIn } from "../../../src/core/frame.ts";
import { READ_ALL } from "../../../src/core/read-options.ts";
import type { Node } from "../../../src/nodes/node.ts";
import { DATABASE } from "../../../src/store/is-store.ts";
import type { MemoryCluster, MemoryNet } from "../../support/memory-cluster.ts";
import { openNode } from "../../support/nodes.ts";
import { Projection } from "./projection.ts";

/** Short times: a node of a test need not wait as long as one of a person. */
const TIMING = {
  probeEveryMs: 15,
  probeMs: 60,
  routeMs: 250,
  answerMs: 200,
  reachMs: 200,
  resignMs: 40,
};
const STALL_MS = 80;

/** One node of a test, which is restarted from its directory, and a reader that follows it for as long as the test runs. */
export class Member {
  readonly name: string;
  readonly #path: string;
  readonly #net: MemoryNet;
  readonly #now: () => number;
  readonly #dumped: (name: string, dump: ReturnType<Projection["dump"]>) => void;
  cluster: MemoryCluster;
  node: Node;
  #projection: Projection | undefined;
  /** What its reader got, in order. */
  readonly seen: Frame[] = [];
  #reading: Promise<void> = Promise.resolve();

  constructor(
    net: MemoryNet,
    { name, path, now }: { name: string; path: string; now: () => number },
    dumped: (name: string, dump: ReturnType<Projection["dump"]>) => void,
  ) {
    this.name = name;
    this.#path = path;
    this.#net = net;
    this.#now = now;
    this.#dumped = dumped;
    ({ cluster: this.cluster, node: this.node } = this.#open());
  }

  get leads(): boolean {
    return this.node.epoch !== undefined;
  }

  /** Tries to lead, whoever does. */
  async stand(): Promise<void> {
    await this.node.replica.commits.stand();
  }

  async restart(): Promise<void> {
    await this.close();
    ({ cluster: this.cluster, node: this.node } = this.#open());
  }

  async close(): Promise<void> {
    await this.node.store.close();
    await this.#reading;
    this.#projection?.close();
    this.#projection = undefined;
  }

  #open(): { cluster: MemoryCluster; node: Node } {
    const cluster = this.#net.cluster();
    const node = openNode(this.#path, cluster, {
      node: this.name,
      now: this.#now,
      stallMs: STALL_MS,
      timing: TIMING,
    });
    const { moved } = node.replica.commits;
    const wake = moved.wake.bind(moved);
    const state = node.replica.state;
    let dumped = state.applied;
    moved.wake = () => {
      // In the step that applied it.
      if (state.applied > dumped) {
        this.#projection ??= new Projection(join(this.#path, DATABASE));
        this.#dumped(this.name, this.#projection.dump());
        dumped = state.applied;
      }
      wake();
    };
    this.#reading = this.#follow(node);
    return { cluster, node };
  }

  /** Follows, from the last frame that it has, of whatever kind. */
  async #follow({ store }: Node): Promise<void> {
    const after = this.seen.at(-1)?.id;
    const options = { ...READ_ALL, order: "arrival", follow: true } as const;
    const reader = store.read({ ...options, ...(after !== undefined && { after }) });
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      for (const line of linesIn(bytes)) this.seen.push(JSON.parse(line));
    }
    reader.close();
  }
}
