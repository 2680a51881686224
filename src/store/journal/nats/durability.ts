import { XsError } from "../../../core/error.ts";
import { connectionReason } from "../../../net/connection-error.ts";
import { fetchThrough } from "../../../net/proxy.ts";
import type { Finding } from "../journal.ts";
import type { Link } from "./link.ts";
import { journalStream, type StreamInfo, streamInfo } from "./stream.ts";

/** Below this part of what a server may store, and below so many bytes, its room is said to end. */
const ROOM_PART = 0.05;
const ROOM_BYTES = 1024 ** 3;
/** How long a monitoring port may take, in ms. */
const ASK_MS = 3000;
const INFO_MS = 10_000;
/** How long a server may take to greet who connects, in ms. */
const GREET_MS = 1000;
/** From here on a machine may be lost. */
const SAFE_REPLICAS = 3;

/** What of `/varz` and `/jsz` is read here. */
interface Varz {
  readonly server_name: string;
  readonly jetstream?: { readonly config?: JetStreamConfig };
}

interface Jsz {
  readonly disabled?: boolean;
  /** What is used, in bytes. */
  readonly storage?: number;
  readonly config?: JetStreamConfig;
  readonly meta_cluster?: { readonly cluster_size?: number };
}

interface JetStreamConfig {
  readonly store_dir?: string;
  readonly sync_always?: boolean;
  /** In ns. There with `sync_always` too. */
  readonly sync_interval?: number;
  /** What may be used, in bytes. */
  readonly max_storage?: number;
}

interface Replica {
  readonly name: string;
  readonly offline?: boolean;
  readonly current?: boolean;
}

interface Placed extends StreamInfo {
  readonly cluster?: { readonly leader?: string; readonly replicas?: readonly Replica[] };
}

/** One server, as its monitoring port shows it. */
interface Asked {
  readonly name?: string;
  readonly servers?: number;
  readonly finding: Finding;
}

/**
 * Whether what is acknowledged is on disk, on a majority of machines: a client cannot see it, so the servers' monitoring
 * ports are asked.
 *
 * @throws XsError `journal_unreachable`
 */
export async function durabilityOf(link: Link): Promise<Finding[]> {
  const { monitors, servers: hosts, domain } = link.address;
  const { name } = journalStream(link.address.name);
  // Behind a leaf, the monitoring ports are those of other servers.
  const isOwn = domain === undefined && hosts.length === monitors.length;
  const [placed, ...asked] = await Promise.all([
    streamInfo(link, name, INFO_MS) as Promise<Placed>,
    ...monitors.map((monitor, i) => ask(monitor, isOwn ? hosts[i] : undefined)),
  ]);
  const servers = Math.max(1, ...asked.map((one) => one.servers ?? 0));
  return [
    ...asked.map(({ finding }) => finding),
    replication(name, placed, servers),
    ...placement(name, placed, asked),
  ];
}

/**
 * Refuses a journal that is not durable.
 *
 * @param known this directory was a node before: then all servers were asked, and some that are down now change nothing,
 *   because what is acknowledged is on a majority
 * @throws XsError `journal_unsafe`, with all that is wrong and how to mend it
 */
export function requireDurable(findings: readonly Finding[], known = false): void {
  const wrong = findings.filter(({ ok, isDown, isFull }) => !ok && !isFull && !(known && isDown));
  if (wrong.length === 0) return;
  const said = wrong.map(({ what, howToMend }) => (howToMend ? `${what}: ${howToMend}` : what));
  throw new XsError(
    "journal_unsafe",
    `the journal may lose what it acknowledged: ${said.join("; ")}. See  xs nodes check ; with --unsafe-journal a node starts all the same`,
  );
}

/** @param server its HOST:PORT for clients, where that is known */
async function ask(monitor: string, server: string | undefined): Promise<Asked> {
  const { host } = new URL(monitor);
  const bad = (what: string, howToMend: string, more: Partial<Asked> = {}): Asked => ({
    ...more,
    finding: { ok: false, what, howToMend },
  });
  let varz: Varz;
  let jsz: Jsz;
  try {
    [varz, jsz] = await Promise.all([
      json(`${monitor}/varz`) as Promise<Varz>,
      json(`${monitor}/jsz`) as Promise<Jsz>,
    ]);
  } catch (error) {
    if (server !== undefined && !(await greets(server))) {
      const what = `the server ${server} of NATS is down`;
      return { finding: { ok: false, what, howToMend: "start it", isDown: true } };
    }
    return bad(
      `the monitoring port ${monitor} does not answer (${reasonOf(error)})`,
      'start the server, with  http: "HOST:8222"  in its configuration; name another port in the address by ?monitor=PORT, or one for each host by ?monitor=PORT,PORT',
    );
  }
  const name = varz.server_name;
  const servers = jsz.meta_cluster?.cluster_size ?? 1;
  const config = jsz.config ?? varz.jetstream?.config;
  if (typeof name !== "string") {
    return bad(
      `what answers at ${monitor} is no NATS server`,
      "name its monitoring port by ?monitor=PORT",
    );
  }
  if (jsz.disabled || !config) {
    return bad(
      `${name} (${host}) runs without JetStream`,
      'add  jetstream { store_dir: "…", sync_interval: always }  to its configuration',
      { name, servers },
    );
  }
  if (config.sync_always !== true) {
    return bad(
      `${name} (${host}) syncs to disk only every ${secondsOf(config.sync_interval)}, so a power cut takes what it acknowledged`,
      "set  sync_interval: always  in jetstream { … } of its configuration, and restart it",
      { name, servers },
    );
  }
  const room = roomOf(jsz.storage, config.max_storage);
  if (room !== undefined) {
    return {
      name,
      servers,
      finding: {
        ok: false,
        isFull: true,
        what: `${name} (${host}) may store ${room} more: where it is full, nothing is written`,
        howToMend:
          "give it a larger  max_file_store  in jetstream { … } of its configuration, and the disk for it, and restart it; or  xs gc --erase  while there is room",
      },
    };
  }
  return {
    name,
    servers,
    finding: { ok: true, what: `${name} (${host}) syncs each record to disk` },
  };
}

/** How much a server may still store, where that is little. */
function roomOf(used: number | undefined, most: number | undefined): string | undefined {
  if (used === undefined || most === undefined || most <= 0) return undefined;
  const room = Math.max(0, most - used);
  if (room >= Math.min(most * ROOM_PART, ROOM_BYTES)) return undefined;
  return `${Math.floor(room / 1024 ** 2)} of ${Math.floor(most / 1024 ** 2)} MiB`;
}

function replication(stream: string, { config }: Placed, servers: number): Finding {
  const replicas = Number(config.num_replicas);
  const what = `${stream} is on ${replicas} of ${servers} servers`;
  if (servers === 1) return { ok: true, what: `${stream}: one machine, no replication` };
  if (replicas >= SAFE_REPLICAS) return { ok: true, what };
  const howToMend =
    servers < SAFE_REPLICAS
      ? "a cluster needs three servers, of which one may be lost: add one, then  nats stream edit --replicas 3"
      : `nats stream edit ${stream} --replicas 3`;
  return { ok: false, what, howToMend };
}

/** Each server that holds the stream was asked, and is up. */
function placement(stream: string, { cluster }: Placed, asked: readonly Asked[]): Finding[] {
  const holders: readonly Replica[] = [
    ...(cluster?.leader ? [{ name: cluster.leader, current: true }] : []),
    ...(cluster?.replicas ?? []),
  ];
  const known = new Set(asked.map(({ name }) => name));
  // A host that does not answer may be the one: it has its own finding.
  const isOneSilent = asked.some(({ name }) => name === undefined);
  return holders.flatMap(({ name, offline, current }): Finding[] => {
    if (!known.has(name) && !isOneSilent) {
      return [
        {
          ok: false,
          what: `${name} holds ${stream}, but no monitoring port in the address is its own`,
          howToMend: "name each server of the cluster in the address",
        },
      ];
    }
    if (offline) {
      return [
        {
          ok: false,
          what: `${name}, which holds ${stream}, is down`,
          howToMend: "start it",
          isDown: true,
        },
      ];
    }
    // It catches up by itself; until then the others hold what it lacks.
    return current === false ? [{ ok: true, what: `${name} catches up with ${stream}` }] : [];
  });
}

/** Whether a server of NATS greets who connects, as one does that is neither down nor frozen. */
async function greets(server: string): Promise<boolean> {
  const greeted = Promise.withResolvers<boolean>();
  const at = server.lastIndexOf(":");
  const no = () => greeted.resolve(false);
  const timer = setTimeout(no, GREET_MS);
  const socket = await Bun.connect({
    hostname: server.slice(0, at).replace(/^\[|\]$/g, ""),
    port: Number(server.slice(at + 1)),
    socket: { data: () => greeted.resolve(true), error: no, close: no },
  }).catch(no);
  try {
    return await greeted.promise;
  } finally {
    clearTimeout(timer);
    socket?.terminate();
  }
}

async function json(url: string): Promise<unknown> {
  const response = await fetchThrough(undefined, url, { signal: AbortSignal.timeout(ASK_MS) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return await response.json();
}

function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return "what it says is no JSON";
  if (error instanceof DOMException && error.name === "TimeoutError") return "too late";
  return connectionReason(error);
}

function secondsOf(ns: number | undefined): string {
  return ns === undefined ? "now and then" : `${ns / 1e9} s`;
}
