import { expect } from "bun:test";
import { api } from "../../src/api/api.ts";
import type { Api } from "../../src/api/call.ts";
import type { Frame } from "../../src/core/frame.ts";
import type { SqliteStore } from "../../src/store/sqlite/engine.ts";
import { expectDescribed } from "../support/described.ts";
import { parseLines } from "../support/server.ts";
import { problemsOf, sqliteEngine } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader } from "../support/wait.ts";

/** The API of a store of a test's own, without a socket. */
export class Subject implements AsyncDisposable {
  readonly #home = tempDirectory();
  readonly store: SqliteStore;
  readonly #api: Api;
  #closed = false;

  constructor(now?: () => number) {
    this.store = sqliteEngine(`${this.#home.path}/store`, now);
    this.#api = api(this.store);
  }

  /** Asks the API. The table of routes has to name the error that it answers with. */
  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const response = await this.#api(new Request(`http://localhost${path}`, init));
    if (response.headers.get("content-type") === "application/problem+json") {
      const { code = "" } = JSON.parse((await response.clone().text()) || "{}") as {
        code?: string;
      };
      if (code !== "") expectDescribed(init.method ?? "GET", path, code);
    }
    return response;
  }

  post(path: string, body?: string | Uint8Array<ArrayBuffer>, headers = {}): Promise<Response> {
    return this.ask(path, { method: "POST", headers, ...(body !== undefined && { body }) });
  }

  /** Appends a frame; `query` as in `ttl=last:1`. */
  async append(topic: string, content = "", query = ""): Promise<Frame> {
    const response = await this.post(`/stream/${topic}?${query}`, content);
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Frame;
  }

  /** Appends frames with contents "1", "2", … and gives them. */
  async appendMany(topic: string, count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    for (let n = 1; n <= count; n++) frames.push(await this.append(topic, String(n)));
    return frames;
  }

  async frames(path = "/"): Promise<Frame[]> {
    const response = await this.ask(path);
    expect(response.status).toBe(200);
    return parseLines(await response.text());
  }

  async ids(path = "/"): Promise<string[]> {
    return idsOf(await this.frames(path));
  }

  async follow(path: string, headers: Record<string, string> = {}): Promise<LineReader> {
    return new LineReader((await this.ask(path, { headers })).body);
  }

  /** Closes the store. Nothing that a test does may leave it in disorder. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const problems = await problemsOf(this.store);
    await this.store.close();
    expect(problems).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _home = this.#home;
    await this.close();
  }
}

export function idsOf(frames: readonly Frame[]): string[] {
  return frames.map(({ id }) => id);
}

export function topicOf(line: string): string {
  return (JSON.parse(line) as Frame).topic;
}

/** Checks a problem document (RFC 9457) and gives its detail. */
export async function expectProblem(
  response: Response,
  status: number,
  code: string,
  detail: string | RegExp = /./,
): Promise<void> {
  const text = await response.text();
  expect(`${response.status} ${text}`).toStartWith(`${status} `);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = JSON.parse(text);
  expect(Object.keys(problem)).toEqual(["title", "status", "detail", "code"]);
  expect(problem).toMatchObject({ status, code });
  expect(problem.title).not.toBe("");
  expect(problem.detail).toMatch(detail);
}
