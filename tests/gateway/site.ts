import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import type { HttpAnswer } from "../../src/core/http.ts";
import { answerTo } from "../../src/core/http.ts";
import type { Json } from "../../src/core/json.ts";
import { NU, RawConnection, Server, XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, until, within } from "../support/wait.ts";

/** What curl got. */
export interface Page {
  /** 0 where there was no answer. */
  readonly status: number;
  /** Names in small letters; one that came more than once has its values in lines. */
  readonly headers: Record<string, string>;
  readonly bytes: Uint8Array;
  readonly text: string;
  /** The exit code of curl. */
  readonly code: number;
}

/** A server with a gateway, and with nobody who answers yet. */
export class Site implements AsyncDisposable {
  readonly #home = tempDirectory();
  readonly server: Server;
  /** Where it listens. */
  address = "";

  private constructor(args: readonly string[], store: string | undefined) {
    const env = { XS_NU: NU };
    this.server = new Server(store ?? join(this.#home.path, "store"), { args, env });
  }

  /** @param store one that stays when the site is gone */
  static async open(args: readonly string[] = [], http = ":0", store?: string): Promise<Site> {
    const site = new Site(["--http", http, ...args], store);
    await site.server.ready();
    site.address = await site.server.listensAt("http");
    return site;
  }

  /** Asks with curl, which has to get an answer. */
  async curl(path: string, ...args: string[]): Promise<Page> {
    const page = await this.tryCurl(path, ...args);
    if (page.code !== 0) throw new Error(`curl ${path}: ${page.code}`);
    return page;
  }

  tryCurl(path: string, ...args: string[]): Promise<Page> {
    return curl([...args, `http://${this.address}${path}`]);
  }

  connect(): Promise<RawConnection> {
    return RawConnection.open(this.address);
  }

  frames(topic: string): Promise<Frame[]> {
    return this.server.frames(`/stream/${topic}`);
  }

  async contentOf({ id }: Frame): Promise<string> {
    return await (await this.server.fetch(`/${id}/content`)).text();
  }

  /** Starts a handler with `xs append`, as a person does; gives the id of its spawn. */
  async spawn(name: string, script: string | Blob, meta: object = {}): Promise<string> {
    const { directory } = this.server;
    const options = ["--meta", JSON.stringify({ topic: name, ...meta })];
    const child = Bun.spawn([XS, "append", directory, "stream.cross.handler.spawn", ...options], {
      stdio: [typeof script === "string" ? Buffer.from(script) : script, "pipe", "inherit"],
    });
    const { id } = (await new Response(child.stdout).json()) as Frame;
    await until(`${name} is active`, async () => {
      const told = (await this.server.frames(`/?last-id=${id}&topic=stream.cross.handler.*`)).find(
        ({ meta }) => (meta as { spawn_id?: string }).spawn_id === id,
      );
      if (told && !told.topic.endsWith(".active")) throw new Error(JSON.stringify(told.meta));
      return told !== undefined;
    });
    return id;
  }

  /** Answers requests from now on. */
  answer(reply: Reply): Promise<Responder> {
    return Responder.start(this.server, reply);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _home = this.#home;
    await this.server[Symbol.asyncDispose]();
  }
}

export async function curl(args: readonly string[]): Promise<Page> {
  const child = Bun.spawn(["curl", "-si", "--max-time", "60", ...args], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const output = Buffer.from(await within("the end of curl", new Response(child.stdout).bytes()));
  let bytes: Buffer = output;
  let [head, status] = ["", 0];
  // Before the answer there may be a 100.
  do {
    const end = bytes.indexOf("\r\n\r\n");
    head = bytes.subarray(0, Math.max(0, end)).toString();
    bytes = bytes.subarray(end < 0 ? bytes.length : end + 4);
    status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
  } while (status === 100);
  const headers: Record<string, string> = {};
  for (const line of head.split("\r\n").slice(1)) {
    const [, name = "", value = ""] = /^([^:]+): *(.*)$/.exec(line) ?? [];
    const key = name.toLowerCase();
    headers[key] = headers[key] === undefined ? value : `${headers[key]}\n${value}`;
  }
  return { status, headers, bytes, text: bytes.toString(), code: await child.exited };
}

/** Answers one request; `more` sends a part of it. */
export type Reply = (
  request: Request,
  send: (content: string | Uint8Array<ArrayBuffer>, answer?: HttpAnswer) => Promise<void>,
) => Promise<void>;

/** The frame of a request. */
export interface Request extends Frame {
  meta: { [key: string]: Json } & {
    path: string;
    method: string;
    headers: { [key: string]: Json };
  };
}

/** One of those who answer requests, over the socket of the store. */
export class Responder implements AsyncDisposable {
  /** Ids of requests that it was told are over. */
  readonly gone = new Set<string>();
  /** Everything it saw of `http.*`. */
  readonly seen: Frame[] = [];
  readonly #server: Server;
  readonly #reply: Reply;
  readonly #lines: LineReader;
  #over: Promise<void> = Promise.resolve();

  private constructor(server: Server, reply: Reply, lines: LineReader) {
    this.#server = server;
    this.#reply = reply;
    this.#lines = lines;
  }

  static async start(server: Server, reply: Reply): Promise<Responder> {
    const body = (await server.fetch("/?follow=1000&tail&topic=http.*")).body;
    const responder = new Responder(server, reply, new LineReader(body));
    await responder.#lines.through((line) => line.includes("stream.cross.threshold"));
    responder.#over = responder.#run();
    return responder;
  }

  /** Waits for a frame that it sees. */
  see(what: string, fits: (frame: Frame) => boolean): Promise<Frame> {
    return until(what, () => this.seen.find(fits));
  }

  async #run(): Promise<void> {
    try {
      for (let line = await this.#lines.next(); line; line = await this.#lines.next()) {
        const frame = JSON.parse(line) as Frame;
        if (!frame.topic.startsWith("http.")) continue;
        this.seen.push(frame);
        if (frame.topic === "http.disconnect") {
          this.gone.add(String((frame.meta as { request_id: string }).request_id));
        }
        if (frame.topic === "http.request") void this.#answer(frame as Request);
      }
    } catch {
      // The server was killed.
    }
  }

  async #answer(request: Request): Promise<void> {
    try {
      await this.#reply(request, async (content, answer = {}) => {
        await appendAnswer(this.#server, request, content, answer);
      });
    } catch {
      // The same.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines.cancel().catch(() => {});
    await this.#over;
  }
}

/** Appends an answer to a request, as anyone may. */
export async function appendAnswer(
  server: Server,
  request: { id: string; ttl: string },
  content: string | Uint8Array<ArrayBuffer>,
  answer: HttpAnswer = {},
): Promise<Frame> {
  const { topic, meta, ttl } = answerTo(request, answer);
  const response = await server.fetch(`/stream/${topic}?ttl=${ttl}`, {
    method: "POST",
    body: content,
    headers: { "xs-meta": Buffer.from(JSON.stringify(meta)).toString("base64") },
  });
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as Frame;
}
