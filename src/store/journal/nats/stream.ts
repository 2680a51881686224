import { XsError } from "../../../core/error.ts";
import { type ApiError, type Link, unreachable } from "./link.ts";

/** Errors of the JetStream API, by number. */
export const STREAM_NOT_FOUND = 10_059;
const STREAM_EXISTS = 10_058;
/** Too few servers that are up, or that have room. */
const NO_PEERS = [10_005, 10_023, 10_052];
const REPLICAS = 3;

/** It does not run on a cluster, so that there can be only one replica. */
const NOT_CLUSTERED = 10_074;
/** JetStream is not enabled, for the account or at all. */
const NOT_ENABLED = [10_039, 10_076];

/** How long to wait for the servers to make a stream: they may just elect a leader. In ms. */
const MAKE_MS = 20_000;

/** A stream: what is asked of it, and what must hold. */
export interface StreamWish {
  readonly name: string;
  readonly subjects: readonly string[];
  readonly config: Readonly<Record<string, unknown>>;
}

export interface StreamInfo {
  readonly config: Readonly<Record<string, unknown>>;
  readonly state: { readonly first_seq: number; readonly last_seq: number };
}

/** The largest file in which a server keeps messages of a stream, in bytes. */
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** The stream of a journal. */
export function journalStream(name: string): StreamWish & { readonly subject: string } {
  const subject = `xs.${name}.c`;
  return {
    name: `XS_${name}`,
    subject,
    subjects: [subject],
    config: { ...UNLIMITED, allow_direct: true, deny_delete: true, allow_atomic: true },
  };
}

/** The stream of an object store, in the layout that all clients of NATS know. */
export function blobStream(name: string): StreamWish & { readonly bucket: string } {
  const bucket = `XS_${name}`;
  return {
    name: `OBJ_${bucket}`,
    bucket,
    subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
    config: { ...UNLIMITED, allow_direct: true, allow_rollup_hdrs: true },
  };
}

/** With any of these otherwise, records would vanish by themselves, or not be on disk. */
const UNLIMITED = {
  storage: "file",
  retention: "limits",
  // At a limit of the account it refuses; else it would drop the oldest.
  discard: "new",
  max_age: 0,
  max_msgs: -1,
  max_bytes: -1,
  max_msgs_per_subject: -1,
} as const;

/** What must not be set, and means no when it is absent. */
const NEVER = [
  "sealed",
  "no_ack",
  "deny_purge",
  "allow_msg_ttl",
  "allow_msg_counter",
  "allow_msg_schedules",
  "mirror",
  "sources",
  "subject_transform",
  "republish",
] as const;

/**
 * Makes a stream if it is not there.
 *
 * @param wished the number of replicas. Default 3 in a cluster, 1 on a server alone
 * @throws XsError `journal_unsafe` if there is one that breaks what a store promises; `journal_unreachable`
 */
export async function ensureStream(link: Link, wish: StreamWish, wished?: number): Promise<void> {
  let replicas = wished ?? REPLICAS;
  let refusal: ApiError | undefined;
  let denial: XsError | undefined;
  const attempt = async (ms: number): Promise<StreamInfo | undefined> => {
    const found = await link.api<StreamInfo>(`STREAM.INFO.${wish.name}`, undefined, ms);
    if (!found && !link.hasJetStream && !link.isClustered) {
      throw withoutJetStream(link);
    }
    if (!found?.error) return found;
    if (found.error.err_code !== STREAM_NOT_FOUND) return refused(found.error);
    const made = await link.api<StreamInfo>(
      `STREAM.CREATE.${wish.name}`,
      { ...wish.config, name: wish.name, subjects: wish.subjects, num_replicas: replicas },
      ms,
    );
    if (!made?.error) return made;
    if (made.error.err_code === NOT_CLUSTERED && wished === undefined) {
      replicas = 1;
      return await attempt(ms);
    }
    // Another node makes it at this moment.
    if (made.error.err_code === STREAM_EXISTS) return undefined;
    return refused(made.error);
  };
  const refused = (error: ApiError): undefined => {
    const isForGood = error.code !== 503 || NOT_ENABLED.includes(error.err_code);
    if (isForGood && !NO_PEERS.includes(error.err_code)) {
      denial = denied(wish, error);
      throw denial;
    }
    refusal = error;
    return undefined;
  };
  try {
    check(wish, await link.persist(`the stream ${wish.name}`, MAKE_MS, attempt));
  } catch (error) {
    const isLate = error instanceof XsError && error.code === "journal_unreachable";
    if (!isLate || error === denial) throw error;
    if (!link.hasJetStream) throw withoutJetStream(link);
    if (!refusal) throw error;
    const hint =
      replicas > 1 && NO_PEERS.includes(refusal.err_code)
        ? `: a cluster needs ${replicas} servers with JetStream and room on their disks`
        : "";
    throw unreachable(`the stream ${wish.name}: ${refusal.description}${hint}`, error);
  }
}

const ENABLE =
  "set  jetstream { store_dir: … }  in the configuration of each server, or enable it for the account";

function withoutJetStream({ address }: Link): XsError {
  return unreachable(
    `NATS at ${address.servers.join(", ")} runs without JetStream: ${ENABLE}; if it is a leaf, name the domain of those that have it by ?domain=NAME`,
  );
}

function denied(wish: StreamWish, error: ApiError): XsError {
  const hint = NOT_ENABLED.includes(error.err_code) ? ENABLE : "see  xs nodes config";
  return unreachable(`the stream ${wish.name}: ${error.description}: ${hint}`);
}

function check(wish: StreamWish, { config }: StreamInfo): void {
  const wrong = [
    ...Object.entries({ ...wish.config, subjects: wish.subjects })
      .filter(([key, value]) => !isAsWished(key, value, config))
      .map(([key]) => key),
    ...NEVER.filter((key) => {
      const value = config[key];
      return value !== undefined && value !== false && value !== null;
    }),
    ...(config.max_msg_size === undefined || config.max_msg_size === -1 ? [] : ["max_msg_size"]),
    ...(config.persist_mode === undefined || config.persist_mode === "default"
      ? []
      : ["persist_mode"]),
  ];
  if (wrong.length === 0) return;
  const said = wrong.map((key) => `${key} ${JSON.stringify(config[key] ?? null)}`).join(", ");
  throw new XsError(
    "journal_unsafe",
    `the stream ${wish.name} is there with ${said}, which breaks what a store promises: mend it with  nats stream edit , or use another name in the address, of which a stream is made`,
  );
}

function isAsWished(key: string, wished: unknown, config: StreamInfo["config"]): boolean {
  const is = config[key];
  // No limit: the server says so by -1, or by nothing.
  if (wished === -1) return is === -1 || is === undefined || is === 0;
  if (wished === 0) return is === 0 || is === undefined;
  // A bucket made by another client drops old messages only at limits, and it has none.
  if (key === "discard") return true;
  return Bun.deepEquals(is, wished);
}

/** What the leader of a stream knows of it. @throws XsError `journal_unreachable`, `journal_damaged` if it is gone */
export async function streamInfo(link: Link, stream: string, ms: number): Promise<StreamInfo> {
  let isGone = false;
  try {
    return await link.persist(`the state of ${stream}`, ms, async (left) => {
      const info = await askInfo(link, stream, left);
      isGone = info === "gone";
      return info === "gone" ? undefined : info;
    });
  } catch (error) {
    throw isGone ? gone(stream) : error;
  }
}

/** The same, asked once; undefined without an answer, "gone" if there is no such stream. */
export async function askInfo(
  link: Link,
  stream: string,
  ms: number,
): Promise<StreamInfo | "gone" | undefined> {
  const info = await link.api<StreamInfo>(`STREAM.INFO.${stream}`, undefined, ms);
  if (info?.error?.err_code === STREAM_NOT_FOUND) return "gone";
  return info?.error ? undefined : info;
}

/** Asks the leader of a stream to leave that to another server, where this user may. */
export async function haveAnotherLead(link: Link, stream: string, ms: number): Promise<void> {
  await link.api(`STREAM.LEADER.STEPDOWN.${stream}`, undefined, ms).catch(() => {});
}

export function gone(stream: string): XsError {
  return new XsError("journal_damaged", `the stream ${stream} is gone, and all records with it`);
}
