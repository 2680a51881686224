import { afterAll, beforeAll, describe, expect, setDefaultTimeout } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expectDescribed } from "../support/described.ts";
import { RawConnection, type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { type SubjectNodes, startSubjectNodes, TEST_SUBJECT } from "../support/test-subject.ts";
import { LineReader, TEST_MS, until } from "../support/wait.ts";

// What a server promises, as far as HTTP shows it: nothing here knows how xs is built.
//
// XS_URL (http://HOST:PORT, or the path of a unix socket) and XS_TOKEN name a server that is running. Its
// store may hold anything: all that a test makes has a name below a root of this run, and is removed at the
// end. Without XS_URL it is dist/xs on a store that is gone afterwards, over TCP and over its socket; or what
// XS_TEST_SUBJECT says: see `tests/support/test-subject.ts`.

setDefaultTimeout(TEST_MS);

/** A frame as JSON. */
export interface Frame {
  readonly topic: string;
  readonly id: string;
  readonly hash: string | null;
  readonly meta: unknown;
  readonly ttl: string;
  readonly timestamp?: string;
}

export const THRESHOLD = "stream.cross.threshold";
export const PULSE = "stream.cross.pulse";
/** The form of every id. */
export const ID = /^[0-9a-z]{25}$/;
/** An id that no frame has. */
export const NO_ID = `${"0".repeat(24)}1`;
/** The keys of a frame, in their order. */
export const KEYS = ["topic", "id", "hash", "meta", "ttl"];

/** The Subresource-Integrity string of some bytes. */
export function sri(bytes: string | Uint8Array): string {
  return `sha256-${createHash("sha256").update(bytes).digest("base64")}`;
}

/** The time in an id, as a frame tells it: the first 48 bits of 128 are milliseconds. */
export function timeIn(id: string): string {
  const bits = [...id].reduce((n, digit) => n * 36n + BigInt(Number.parseInt(digit, 36)), 0n);
  return new Date(Number(bits >> 80n)).toISOString();
}

export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

export function framesOf(text: string): Frame[] {
  return linesOf(text).map((line) => JSON.parse(line) as Frame);
}

export function idsOf(frames: readonly Frame[]): string[] {
  return frames.map(({ id }) => id);
}

export function topicOf(line: string): string {
  return (JSON.parse(line) as Frame).topic;
}

/** How a server is reached. */
export interface Door {
  readonly base: string;
  readonly unix?: string;
  /** The socket of another node, which is read, each time at the record of the last write. */
  readonly readsAt?: string;
  /** The socket of the node that takes imports, where that is another one. */
  readonly importsAt?: string;
  /** The server is in this process: the limits of its HTTP layer are those of Bun. */
  readonly isInProcess?: boolean;
  readonly token?: string;
  /** The store is there for this run alone: what could do it harm may be tried. */
  readonly own: boolean;
}

type Options = Omit<RequestInit, "headers"> & { headers?: Record<string, string> };

/** A server, by one of its doors. */
export class Subject {
  readonly root = `contract.${randomBytes(6).toString("hex")}`;
  door: Door = { base: "", own: false };
  #names = 0;
  /** The newest record that an answer named. */
  #record = 0;
  /** A response has begun whose record is not that of its end. */
  #isStreamed = false;

  /** A name that nothing else has, for a topic or a key or what is below. */
  fresh(): string {
    return `${this.root}.t${++this.#names}`;
  }

  /** Asks with these headers alone. */
  async bare(path: string, init: Options = {}): Promise<Response> {
    const { base, unix, readsAt, importsAt } = this.door;
    const { method = "GET", headers = {} } = init;
    const isRead = method === "GET" || method === "HEAD";
    const isElsewhere = isRead && readsAt !== undefined;
    const writesAt = path.startsWith("/import") ? (importsAt ?? unix) : unix;
    const at = isElsewhere ? readsAt : writesAt;
    if (isElsewhere && this.#isStreamed) {
      this.#isStreamed = false;
      this.#note(await fetch(`${base}/version`, { unix: writesAt ?? "" }));
    }
    if (!isRead) this.#isStreamed ||= path.includes("chunked=") || method === "DELETE";
    const response = await fetch(`${base}${path}`, {
      redirect: "manual",
      ...init,
      headers: { ...headers, ...(isElsewhere && { "xs-reached": `${this.#record}` }) },
      ...(at && { unix: at }),
    });
    this.#note(response);
    return response;
  }

  #note({ headers }: Response): void {
    this.#record = Math.max(this.#record, Number(headers.get("xs-record") ?? 0));
  }

  /** Asks with the token, and checks what every answer has. */
  async ask(path: string, { headers = {}, ...init }: Options = {}): Promise<Response> {
    const { token } = this.door;
    const bearer = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await this.bare(path, { ...init, headers: { ...bearer, ...headers } });
    expect(response.headers.get("xs-version")).toMatch(/./);
    return response;
  }

  post(path: string, body: RequestInit["body"] = "", headers = {}): Promise<Response> {
    return this.ask(path, { method: "POST", headers, ...(body && { body }) });
  }

  /** The text of an answer that has to be a good one. */
  async text(path: string, init?: Options): Promise<string> {
    const response = await this.ask(path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  }

  /** Appends a frame. @param query as in `ttl=last:1` */
  async append(topic: string, body = "", query = "", headers = {}): Promise<Frame> {
    return JSON.parse(
      await this.text(`/stream/${topic}?${query}`, { method: "POST", headers, body }),
    ) as Frame;
  }

  async appendMany(topic: string, count: number): Promise<Frame[]> {
    const lines = Array.from({ length: count }, (_, n) => JSON.stringify({ topic, meta: n }));
    return framesOf(await this.text("/stream", { method: "POST", body: lines.join("\n") }));
  }

  async frames(path: string): Promise<Frame[]> {
    return framesOf(await this.text(path));
  }

  async ids(path: string): Promise<string[]> {
    return idsOf(await this.frames(path));
  }

  async follow(path: string, headers: Record<string, string> = {}): Promise<LineReader> {
    return new LineReader((await this.ask(path, { headers })).body);
  }

  /**
   * Checks that a request is refused.
   *
   * @param asked `GET /path`
   * @param problem `404 not_found`, and after it what the detail names
   */
  async refuses(asked: string, problem: string, init: Options = {}): Promise<void> {
    const [method = "", path = ""] = asked.split(/ (.*)/s);
    await expectProblem(await this.ask(path, { ...init, method }), problem);
    expectDescribed(method, path, problem.split(" ")[1] ?? "");
  }

  /** Sends bytes on a connection of their own. `HOST` and `TOKEN` in them are those of the door. */
  async send(bytes: string): Promise<RawConnection> {
    const { base, unix, token = "none" } = this.door;
    const { host, hostname, port } = new URL(base);
    const connection = await RawConnection.open(unix ?? `${hostname}:${port || 80}`);
    connection.send(bytes.replaceAll("HOST", host).replaceAll("TOKEN", token));
    return connection;
  }

  /** The status and, in a problem document, the code of the answer to such bytes. */
  async answerTo(bytes: string): Promise<string> {
    using connection = await this.send(bytes);
    const status = await connection.status();
    if (!/content-type: application\/problem\+json/i.test(connection.received)) return `${status}`;
    return until("the code", () => {
      const [, code] = /"code":"(\w+)"/.exec(connection.received) ?? [];
      return code && `${status} ${code}`;
    });
  }

  /** Removes all that the tests made, as far as it can be removed. */
  async clean(): Promise<void> {
    const left = async () => [
      ...(await this.ids(`/?topic=${this.root}.*`)).map((id) => `/${id}`),
      ...linesOf(await this.text(`/kv?prefix=${this.root}`)).map(
        (line) => `/kv/${encodeURIComponent((JSON.parse(line) as { key: string }).key)}`,
      ),
    ];
    const paths = await left();
    while (paths.length > 0) {
      const removed = paths.splice(0, 100).map((path) => this.ask(path, { method: "DELETE" }));
      for (const { status } of await Promise.all(removed)) expect(status).toBe(204);
    }
    expect(await left()).toEqual([]);
  }
}

/** Checks a problem document (RFC 9457). @param wanted `404 not_found`, and what the detail names */
export async function expectProblem(response: Response, wanted: string): Promise<void> {
  const text = await response.text();
  const [status = "", code = "", ...named] = wanted.split(" ");
  expect(`${response.status} ${text}`).toStartWith(`${status} {`);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = JSON.parse(text);
  expect(Object.keys(problem).slice(0, 4)).toEqual(["title", "status", "detail", "code"]);
  expect([problem.status, problem.code]).toEqual([Number(status), code]);
  expect(problem.title).toMatch(/./);
  expect(problem.detail).toMatch(/./);
  expect(problem.detail).toContain(named.join(" "));
}

const { XS_URL = "", XS_TOKEN } = process.env;

/** Defines tests of what a server promises, for each way to it. */
export function contract(define: (it: Subject) => void): void {
  if (XS_URL !== "") {
    const place = XS_URL.startsWith("/")
      ? { base: "http://localhost", unix: XS_URL }
      : { base: XS_URL.replace(/\/$/, "") };
    through(XS_URL, define, () => ({ ...place, ...(XS_TOKEN && { token: XS_TOKEN }), own: false }));
    return;
  }
  if (TEST_SUBJECT !== "local") {
    onNodes(define);
    return;
  }
  describe("dist/xs", () => {
    const home = tempDirectory();
    const store = join(home.path, "store");
    let server: Server;
    let exposed: string;
    beforeAll(async () => {
      server = await startServer(store, { args: ["--expose", "127.0.0.1:0"] });
      exposed = await server.listensAt("expose");
    });
    afterAll(async () => {
      using _home = home;
      expect(await server.stop("SIGTERM")).toBe(0);
    });
    const token = () => readFileSync(join(store, "token"), "utf8").trim();
    const tcp = () => ({ base: `http://${exposed}`, token: token(), own: true });
    through("over TCP", define, tcp);
    const unix = () => ({ base: "http://localhost", unix: server.unix, own: true });
    through("over its socket", define, unix);
  });
}

/** Defines them for the nodes of a store. */
function onNodes(define: (it: Subject) => void): void {
  describe(`on ${TEST_SUBJECT}`, () => {
    let nodes: SubjectNodes;
    beforeAll(async () => {
      nodes = await startSubjectNodes();
    });
    afterAll(() => nodes?.[Symbol.asyncDispose]());
    const isInProcess = TEST_SUBJECT === "memory";
    const unix = (at: string) => {
      return {
        base: "http://localhost",
        unix: at,
        importsAt: nodes.leader,
        own: true,
        isInProcess,
      };
    };
    if (TEST_SUBJECT === "one-node") {
      through("that node", define, () => unix(nodes.leader));
      return;
    }
    through("the node that leads, read at another", define, () => ({
      ...unix(nodes.leader),
      readsAt: nodes.other,
    }));
    through("another node, read at the one that leads", define, () => ({
      ...unix(nodes.other),
      readsAt: nodes.leader,
    }));
  });
}

function through(name: string, define: (it: Subject) => void, door: () => Door): void {
  describe(name, () => {
    const subject = new Subject();
    beforeAll(() => {
      subject.door = door();
    });
    afterAll(() => subject.clean());
    define(subject);
  });
}
