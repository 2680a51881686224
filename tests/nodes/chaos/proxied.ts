import { NatsServers } from "../../support/nats.ts";
import { type Filter, NatsProxy } from "../../support/nats-proxy.ts";
import { RealNodes } from "../../support/real-nodes.ts";

/** Three servers and three nodes, each of which reaches the servers through proxies of its own; gone at the end of the test. */
export class Proxied implements AsyncDisposable {
  readonly nats: NatsServers;
  readonly nodes: RealNodes;
  readonly #proxies: readonly (readonly NatsProxy[])[];

  private constructor(
    nats: NatsServers,
    nodes: RealNodes,
    proxies: readonly (readonly NatsProxy[])[],
  ) {
    this.nats = nats;
    this.nodes = nodes;
    this.#proxies = proxies;
  }

  static async start(): Promise<Proxied> {
    const nats = await NatsServers.start(3);
    const proxies = [0, 1, 2].map(() => nats.ports.map((port) => new NatsProxy(port)));
    const ports = (i: number) => (proxies[i] ?? []).map(({ port }) => port);
    try {
      const journal = (i: number) => nats.url("chaos", ports(i));
      return new Proxied(nats, await RealNodes.start({ journal }), proxies);
    } catch (error) {
      for (const proxy of proxies.flat()) proxy[Symbol.dispose]();
      await nats[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Cuts a node off from all servers, and so from the other nodes. */
  cut(node: number): void {
    for (const proxy of this.#proxies[node] ?? []) {
      proxy.isCut = true;
      proxy.cut();
    }
  }

  heal(node: number): void {
    for (const proxy of this.#proxies[node] ?? []) proxy.isCut = false;
  }

  /** What becomes of the messages that servers send to a node. */
  filter(node: number, filter: Filter): void {
    for (const proxy of this.#proxies[node] ?? []) proxy.filter = filter;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nodes[Symbol.asyncDispose]();
    for (const proxy of this.#proxies.flat()) proxy[Symbol.dispose]();
    await this.nats[Symbol.asyncDispose]();
  }
}
