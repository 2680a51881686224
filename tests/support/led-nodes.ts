import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { framesIn } from "../../src/core/frame.ts";
import { READ_ALL } from "../../src/core/read-options.ts";
import { FOREVER } from "../../src/core/ttl.ts";
import type { Node } from "../../src/nodes/node.ts";
import type { Inquiry } from "../../src/processors/leader/lead.ts";
import { LeaderProcessors } from "../../src/processors/leader/leader-processors.ts";
import { Processors } from "../../src/processors/lifecycle/processors.ts";
import { type MemoryCluster, MemoryNet } from "./memory-cluster.ts";
import { openNode } from "./nodes.ts";
import { seedFrom } from "./random.ts";
import { tempDirectory } from "./temp.ts";
import { until } from "./wait.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests compare whole values
export type AnyFrame = Omit<Frame, "meta"> & { meta: any };

/** A node in this process, with the processors that it runs while it leads. */
export class LedNode {
  readonly node: Node;
  readonly led: LeaderProcessors;
  readonly cluster: MemoryCluster;
  /** The epochs in which it led; null where one ended and it leads no more. */
  readonly epochs: (number | null)[] = [];
  /** What became of processors here, as lines: `NAME event`. */
  readonly events: string[] = [];

  constructor(path: string, name: string, cluster: MemoryCluster) {
    this.cluster = cluster;
    this.node = openNode(path, cluster, { node: name, stallMs: 300 });
    this.led = new LeaderProcessors(this.node.store, this.node, {
      isPaused: false,
      processorsOn: (store) =>
        new Processors(store, undefined, ({ name, event }) => this.events.push(`${name} ${event}`)),
      failed: (error) => this.node.engine.stopFor(error),
      changed: (epoch) => this.epochs.push(epoch ?? null),
    });
    this.node.answerInquiry = (inquiry) => this.led.answer(inquiry as Inquiry);
    this.led.start();
  }

  /** Appends a frame from this node. */
  async say(topic: string, meta: unknown = null, content = ""): Promise<AnyFrame> {
    const { store } = this.node;
    const taken = content === "" ? null : await store.content.take(Buffer.from(content));
    const line = await store.append({
      topic,
      meta: JSON.stringify(meta),
      ttl: FOREVER,
      content: taken,
    });
    return JSON.parse(line);
  }

  /** The frames of topics, as this node has them. */
  async frames(...topics: string[]): Promise<AnyFrame[]> {
    const reader = this.node.store.read({ ...READ_ALL, topics });
    const frames: AnyFrame[] = [];
    for (let bytes = await reader.next(); bytes; bytes = await reader.next()) {
      frames.push(...framesIn(bytes));
    }
    return frames;
  }

  /** Makes it lead no more, as a stop does. Any node may lead next, this one too. */
  async resign(): Promise<void> {
    const { epoch, replica } = this.node;
    if (epoch === undefined) return;
    await replica.commits
      .write((transaction) => transaction.add({ kind: "lead", epoch, node: "", run: "" }))
      .catch(() => {});
  }
}

/** Several nodes of one store in this process. */
export class LedNodes implements AsyncDisposable {
  readonly #home = tempDirectory();
  readonly #net = new MemoryNet({ seed: seedFrom("XS_NODES_SEED") });
  readonly all: LedNode[];

  constructor(count: number) {
    this.all = Array.from({ length: count }, (_, i) => {
      const name = String.fromCharCode(97 + i);
      return new LedNode(join(this.#home.path, name), name, this.#net.cluster());
    });
  }

  at(i: number): LedNode {
    const node = this.all[i];
    if (!node) throw new Error(`there is no node ${i}`);
    return node;
  }

  /** Waits for one that leads and can be reached. */
  leader(): Promise<LedNode> {
    return until("a node leads", () => this.all.find(({ node }) => node.epoch !== undefined));
  }

  /** Appends the spawn of a processor and waits until it is active. */
  async spawn(kind: string, name: string, script: string, meta: object = {}): Promise<AnyFrame> {
    const spawn = await this.at(0).say(
      `stream.cross.${kind}.spawn`,
      { topic: name, ...meta },
      script,
    );
    await until(`${name} is active`, async () => {
      const answers = await this.at(0).frames(`stream.cross.${kind}.*`);
      const mine = answers.filter(({ meta: of }) => of?.spawn_id === spawn.id);
      const invalid = mine.find(({ topic }) => topic.endsWith(".invalid"));
      if (invalid) throw new Error(invalid.meta.reason);
      return mine.some(({ topic }) => topic.endsWith(".active"));
    });
    return spawn;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { led, node } of this.all) {
      await led.stop();
      await node.store.close();
    }
    this.#home[Symbol.dispose]();
  }
}
