import { expect } from "bun:test";
import { Home } from "../../cli/run-xs.ts";
import { Batches } from "../../crash/work/batches.ts";
import { Chains } from "../../crash/work/chains.ts";
import { Commands } from "../../crash/work/commands.ts";
import { Followers } from "../../crash/work/followers.ts";
import { Frames } from "../../crash/work/frames.ts";
import { Handlers } from "../../crash/work/handlers.ts";
import { Retention } from "../../crash/work/retention.ts";
import { Retries } from "../../crash/work/retries.ts";
import { Log, type Work } from "../../crash/work.ts";
import { idsFitTime } from "../../history/checker.ts";
import { Gone } from "../../support/ask.ts";
import type { Random } from "../../support/random.ts";
import type { RealNodes } from "../../support/real-nodes.ts";
import { until } from "../../support/wait.ts";
import { AnyNode } from "./any-node.ts";
import { LinearPairs } from "./pairs.ts";
import { Printed } from "./printed.ts";

/** A kind of work, and how many do it. */
type Crew = readonly [Work, number];

/** A store on nodes under attack, and what its 32 writers and its followers know. */
export class Campaign implements AsyncDisposable {
  readonly counts: Record<string, number> = {};
  readonly #nodes: RealNodes;
  readonly #random: Random;
  readonly #crews: readonly Crew[];
  readonly #printed: Printed;
  readonly #home = new Home();
  readonly #commands: Commands;
  /** No id may come again that is not above this. */
  #newest = "";

  /** Sets up what runs by itself. */
  static async begin(nodes: RealNodes, random: Random): Promise<Campaign> {
    const campaign = new Campaign(nodes, random);
    await campaign.#commands.prepare(campaign.#home, nodes.directory(nodes.count - 1));
    return campaign;
  }

  private constructor(nodes: RealNodes, random: Random) {
    this.#nodes = nodes;
    this.#random = random;
    this.#printed = new Printed(nodes);
    this.#commands = new Commands(this.#home);
    this.#crews = [
      [new Frames(), 8],
      [new LinearPairs(), 7],
      [new Batches(), 3],
      [new Retention(), 4],
      [new Chains(), 4],
      [new Retries(), 3],
      [new Followers(), 3],
      [new Handlers(), 2],
      [this.#commands, 1],
      [this.#printed, 0],
    ];
  }

  /** All write while something is done to the nodes and the servers; then all is compared. */
  async round(attack: (clients: AnyNode) => Promise<void>): Promise<void> {
    const clients = new AnyNode(this.#nodes, this.#random.fork());
    const writers = this.#crews.flatMap(([work, count]) =>
      Array.from({ length: count }, (_, n) => this.#keepOn(clients, work, n)),
    );
    const attacked = attack(clients).finally(() => clients.end());
    const ends = await Promise.allSettled([attacked, ...writers]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    this.#add(clients.counts);
    this.counts["slowest write, ms"] = Math.max(
      this.counts["slowest write, ms"] ?? 0,
      Math.round(clients.slowest),
    );
    expect(idsFitTime(clients.given)).toBe(true);
    await this.check();
  }

  async #keepOn(clients: AnyNode, work: Work, writer: number): Promise<void> {
    while (!clients.isOver) {
      try {
        await work.write(clients, this.#random.fork(), writer);
      } catch (error) {
        if (!(error instanceof Gone)) {
          clients.end();
          throw error;
        }
        await Bun.sleep(20);
      }
    }
  }

  /** Compares all nodes with each other, and with what was acknowledged. */
  async check(): Promise<void> {
    const log = await this.#sameLog();
    const ids = log.frames.map(({ id }) => id);
    expect(ids).toEqual([...new Set(ids)].sort());
    const server = this.#nodes.server(this.#random.below(this.#nodes.count));
    for (const [work] of this.#crews) await work.check(server, log);
    const { id } = await new AnyNode(this.#nodes, this.#random.fork()).append("marks");
    expect([this.#newest, ...ids].every((earlier) => earlier < id)).toBe(true);
    this.#newest = id;
  }

  /** The log, once all nodes have the same, and the same keys. */
  async #sameLog(): Promise<Log> {
    const { frames } = await until("all nodes are the same", async () => {
      await this.#nodes.atRest();
      const told = await Promise.all(
        this.#nodes.all.map(async (i) => {
          const server = this.#nodes.server(i);
          const frames = await server.frames();
          const keys = await (await server.fetch("/kv")).text();
          return { frames, keys };
        }),
      );
      const [first] = told;
      if (told.some((one) => !Bun.deepEquals(one, first))) return undefined;
      return first;
    });
    return new Log(frames);
  }

  /** The end: everything that goes on by itself ends, and each directory is sound. */
  async finish(): Promise<void> {
    for (const [work] of this.#crews) await work.finish?.(this.#nodes.server(0));
    await this.check();
    for (const [work] of this.#crews) this.#add(work.counts);
  }

  #add(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) {
      this.counts[name] = (this.counts[name] ?? 0) + count;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#printed[Symbol.asyncDispose]();
    this.#home[Symbol.dispose]();
  }
}
