import { readFileSync } from "node:fs";
import {
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NoRespondersError,
  headers as newHeaders,
  PermissionViolationError,
} from "@nats-io/transport-node";
import { quoted, XsError } from "../../../core/error.ts";
import type { NatsAddress } from "./url.ts";

/** How often to look whether the server still answers, and how many answers it may owe: a frozen one is left. */
const PING_MS = 1000;
const PINGS_OWED = 2;
/** How long the client may then try to send what waits, in ms: over a slow line it still gets through. */
const LEAVE_MS = 2000;
const CONNECT_MS = 2000;
const RECONNECT_MS = 250;
/** How long the first try may take, and each of the later ones, which take twice as long as the one before, in ms. */
const FIRST_TRY_MS = 500;
const TRY_MS = 2000;
/** Between two tries, in ms. */
const PAUSE_MS = 100;

/** What a server of the JetStream API says when it refuses. */
export interface ApiError {
  readonly code: number;
  readonly err_code: number;
  readonly description: string;
}

/** Why nobody answered a request. */
export type Silence = "nobody" | "late";

/** One connection to NATS, which comes back by itself, and requests on it that neither hang nor throw. */
export class Link {
  readonly nc: NatsConnection;
  readonly address: NatsAddress;
  #connected = true;

  private constructor(nc: NatsConnection, address: NatsAddress) {
    this.nc = nc;
    this.address = address;
    void this.#watch();
  }

  /** @throws XsError `journal_unreachable`, `bad_option` where a file of the address cannot be read */
  static async open(address: NatsAddress): Promise<Link> {
    try {
      return new Link(await connect(optionsOf(address)), address);
    } catch (error) {
      if (error instanceof XsError) throw error;
      if (address.creds !== undefined && /parse credentials/.test(String(error))) {
        throw new XsError(
          "bad_option",
          `the address of the journal: creds=${address.creds} holds no credentials: name a file that  nsc generate creds  made`,
          { cause: error },
        );
      }
      throw unreachable(`NATS at ${address.servers.join(", ")}: ${reasonOf(error)}`, error);
    }
  }

  /** In bytes, headers included. */
  get maxPayload(): number {
    return this.nc.info?.max_payload ?? 1_048_576;
  }

  /** Whether the server is one of several. */
  get isClustered(): boolean {
    return (this.nc.info as { cluster?: string } | undefined)?.cluster !== undefined;
  }

  /** Whether JetStream runs on the server; where it does not, another may have it. */
  get hasJetStream(): boolean {
    return this.nc.info?.jetstream === true;
  }

  get isConnected(): boolean {
    return this.#connected && !this.nc.isClosed();
  }

  /**
   * Sends a request once. Resolves to its first answer, or to the reason why there was none.
   *
   * @throws XsError `journal_unreachable` if it can never be answered: closed, or not permitted
   */
  async request(
    subject: string,
    body: Uint8Array | string,
    ms: number,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Msg | Silence> {
    if (this.nc.isClosed()) throw unreachable("the connection to NATS is closed");
    // The client would keep it and send it later, when nobody waits for it any more.
    if (!this.#connected) {
      await Bun.sleep(Math.min(ms, PAUSE_MS));
      return "late";
    }
    try {
      return await this.nc.request(subject, body, {
        timeout: Math.max(1, ms),
        ...(headers && { headers: headersOf(headers) }),
      });
    } catch (error) {
      const cause = error instanceof Error && error.cause ? error.cause : error;
      if (cause instanceof NoRespondersError) return "nobody";
      if (cause instanceof PermissionViolationError) {
        throw unreachable(
          `NATS permits the user of this store no ${cause.operation} on ${quoted(cause.subject)}: give it ${cause.operation} there`,
          cause,
        );
      }
      return "late";
    }
  }

  /** The subject of a request of the JetStream API. */
  apiSubject(name: string): string {
    const { domain } = this.address;
    return domain === undefined ? `$JS.API.${name}` : `$JS.${domain}.API.${name}`;
  }

  /** A request of the JetStream API, whose answer is JSON. */
  async api<T extends object>(
    subject: string,
    body: object | undefined,
    ms: number,
  ): Promise<(T & { error?: ApiError }) | undefined> {
    const text = body ? JSON.stringify(body) : "";
    const answer = await this.request(this.apiSubject(subject), text, ms);
    if (typeof answer === "string") return undefined;
    return jsonOf<T & { error?: ApiError }>(answer);
  }

  /**
   * Tries until there is an outcome other than undefined.
   *
   * @param attempt is passed how long it may take, in ms
   * @throws XsError `journal_unreachable` after `ms`
   */
  async persist<T>(
    what: string,
    ms: number,
    attempt: (ms: number) => Promise<T | undefined>,
  ): Promise<T> {
    const end = performance.now() + ms;
    for (let tryMs = FIRST_TRY_MS; ; tryMs = Math.min(tryMs * 2, TRY_MS)) {
      const left = end - performance.now();
      if (left <= 0) {
        throw unreachable(
          `${what}: no answer from NATS at ${this.address.servers.join(", ")} within ${ms} ms: are most of its servers up?`,
        );
      }
      const outcome = await attempt(Math.min(left, tryMs));
      if (outcome !== undefined) return outcome;
      await Bun.sleep(Math.min(PAUSE_MS, Math.max(0, end - performance.now())));
    }
  }

  async close(): Promise<void> {
    await this.nc.close();
  }

  async #watch(): Promise<void> {
    for await (const status of this.nc.status()) {
      if (status.type === "disconnect") this.#connected = false;
      if (status.type === "reconnect") this.#connected = true;
      if (status.type === "ping" && status.pendingPings > PINGS_OWED) this.#leave();
    }
  }

  /**
   * Ends the connection to a server that owes too many answers. The client does so itself, but only when all is sent
   * that waits for it, which a frozen server never takes.
   */
  #leave(): void {
    const inside = this.nc as { protocol?: { transport?: { socket?: { destroy?(): void } } } };
    const socket = inside.protocol?.transport?.socket;
    setTimeout(() => socket?.destroy?.(), LEAVE_MS).unref();
  }
}

/** What a server says in JSON; undefined if that is none. */
export function jsonOf<T extends object>(message: Msg): T | undefined {
  try {
    const value: unknown = JSON.parse(message.string());
    return typeof value === "object" && value !== null ? (value as T) : undefined;
  } catch {
    return undefined;
  }
}

export function unreachable(message: string, cause?: unknown): XsError {
  return new XsError("journal_unreachable", message, { cause });
}

function headersOf(named: Readonly<Record<string, string>>): MsgHdrs {
  const headers = newHeaders();
  for (const [name, value] of Object.entries(named)) headers.set(name, value);
  return headers;
}

function optionsOf(address: NatsAddress): ConnectionOptions {
  const { user, password, token, creds, ca, cert, key, tls } = address;
  return {
    servers: [...address.servers],
    name: `xs ${address.name}`,
    // The hosts that the user names: those that a cluster tells of may be out of reach from here.
    ignoreClusterUpdates: true,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: RECONNECT_MS,
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_OWED,
    noAsyncTraces: true,
    ...(user !== undefined && { user }),
    ...(password !== undefined && { pass: password }),
    ...(token !== undefined && { token }),
    ...(creds !== undefined && { authenticator: credsAuthenticator(contentOf(creds, "creds")) }),
    ...(tls && {
      tls: {
        ...(ca !== undefined && { ca: textOf(ca, "ca") }),
        ...(cert !== undefined && { cert: textOf(cert, "cert") }),
        ...(key !== undefined && { key: textOf(key, "key") }),
      },
    }),
  };
}

function textOf(path: string, option: string): string {
  return new TextDecoder().decode(contentOf(path, option));
}

function contentOf(path: string, option: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    throw new XsError(
      "bad_option",
      `the address of the journal: ${option}=${path} cannot be read (${code}): name a file that is there`,
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  if (/authorization|authentication/i.test(text)) {
    return `it refuses this user (${text}): name USER:PASSWORD@, TOKEN@ or ?creds=FILE in the address`;
  }
  if (/certificate|tls|ssl/i.test(text)) {
    return `no TLS with it (${text}): is ca=FILE who signed its certificate?`;
  }
  return `${text}: is it up, and reachable from here?`;
}
