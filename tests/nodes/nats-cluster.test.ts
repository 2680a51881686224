import { afterAll, setDefaultTimeout } from "bun:test";
import type { Cluster } from "../../src/store/journal/journal.ts";
import { openNats } from "../../src/store/journal/nats/open.ts";
import { hasNats, NatsServers } from "../support/nats.ts";
import { NatsProxy } from "../support/nats-proxy.ts";
import { TEST_MS } from "../support/wait.ts";
import { type ClusterUnderTest, clusterContract } from "./cluster-contract.ts";

setDefaultTimeout(TEST_MS);

if (hasNats) {
  for (const count of [1, 3]) {
    let servers: Promise<NatsServers> | undefined;
    let stores = 0;
    const open = async (): Promise<ClusterUnderTest> => {
      servers ??= NatsServers.start(count);
      return onNats(await servers, `s${++stores}`);
    };
    // To be cut off is the same, however many there are.
    clusterContract(`NATS on ${count}`, open, count > 1 ? ["cut"] : []);
    afterAll(async () => await (await servers)?.[Symbol.asyncDispose]());
  }
}

/** A store on running servers. Each node reaches them through proxies of its own. */
function onNats(servers: NatsServers, name: string): ClusterUnderTest {
  const proxies = new Map<Cluster, NatsProxy[]>();
  const each = (cluster: Cluster, use: (proxy: NatsProxy) => void): void => {
    for (const proxy of proxies.get(cluster) ?? []) use(proxy);
  };
  return {
    join: async () => {
      const own = servers.ports.map((port) => new NatsProxy(port));
      const url = servers.url(
        name,
        own.map(({ port }) => port),
      );
      const cluster = await openNats(url, { deadlineMs: 1000 });
      proxies.set(cluster, own);
      return cluster;
    },
    cut: (cluster) =>
      each(cluster, (proxy) => {
        proxy.isCut = true;
        proxy.cut();
      }),
    heal: (cluster) =>
      each(cluster, (proxy) => {
        proxy.isCut = false;
      }),
    close: async () => {
      for (const own of proxies.values()) for (const proxy of own) proxy[Symbol.dispose]();
    },
  };
}
