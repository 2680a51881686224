import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DATABASE, isStore } from "../../src/store/is-store.ts";
import { atEnd } from "./at-end.ts";
import { NatsServers } from "./nats.ts";
import { Server, type ServerOptions } from "./server.ts";
import { until } from "./wait.ts";

/** A directory whose server is a node that does not lead, with the one that does. */
interface Followed {
  readonly leader: Server;
  readonly journal: string;
  follower: Server | undefined;
}

const followed = new Map<string, Promise<Followed>>();
let nats: Promise<NatsServers> | undefined;

/**
 * Serves a directory as a node that does not lead, in place of a store on one machine: for suites that shall hold for
 * both. The node that leads has its processors, so it has their environment. A directory with a local store that is not
 * empty stays one.
 */
export async function startFollower(
  directory: string,
  options: ServerOptions = {},
): Promise<Server> {
  if (isStore(directory) && !existsSync(join(directory, "node"))) {
    if (!isEmpty(directory)) return new Server(directory, options).ready();
    rmSync(directory, { recursive: true });
  }
  const there = followed.get(directory) ?? follow(directory, options);
  followed.set(directory, there);
  const { leader, journal, follower } = await there;
  await follower?.stop("SIGTERM");
  mkdirSync(directory, { recursive: true });
  const key = join(directory, "cluster-key");
  if (!existsSync(key)) copyFileSync(join(leader.directory, "cluster-key"), key);
  const [last] = await leader.frames("/last/stream.cross.start?last=1");
  const before = last?.id;
  const args = ["--journal", journal, "--node", "b", ...(options.args ?? [])];
  const server = await new Server(directory, { ...options, args }).ready();
  (await there).follower = server;
  await until("the frame of its start, which names where it listens", async () => {
    const [start] = await server.frames("/last/stream.cross.start?last=1");
    return (start?.meta as { node?: string } | undefined)?.node === "b" && start?.id !== before;
  });
  return server;
}

async function endFollowers(): Promise<void> {
  for (const there of followed.values()) {
    const { leader, follower } = await there;
    await follower?.[Symbol.asyncDispose]();
    await leader[Symbol.asyncDispose]();
  }
}

function isEmpty(directory: string): boolean {
  using db = new Database(join(directory, DATABASE), { readonly: true });
  return ["frames", "kv"].every((table) => db.query(`SELECT 1 FROM ${table}`).get() === null);
}

async function follow(directory: string, { env, cwd }: ServerOptions): Promise<Followed> {
  if (!nats) {
    nats = NatsServers.start(1);
    atEnd(async () => {
      await endFollowers();
      await (await nats)?.[Symbol.asyncDispose]();
    });
  }
  const journal = (await nats).url(`t${crypto.randomUUID().slice(0, 8)}`);
  const leader = await new Server(`${directory}-leader`, {
    ...(env && { env }),
    ...(cwd !== undefined && { cwd }),
    args: ["--journal", journal, "--node", "a"],
  }).ready();
  return { leader, journal, follower: undefined };
}
