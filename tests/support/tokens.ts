import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { type Server, startServer } from "./server.ts";

/** A server that listens over TCP, and requests with its tokens. */
export class Exposed implements AsyncDisposable {
  readonly home = new Home();
  readonly server: Server;
  readonly address: string;
  readonly owner: string;

  private constructor(home: Home, server: Server, address: string) {
    this.home = home;
    this.server = server;
    this.address = address;
    this.owner = readFileSync(join(home.store, "token"), "utf8").trim();
  }

  static async start(): Promise<Exposed> {
    const home = new Home();
    const server = await startServer(home.store, { args: ["--expose", ":0"] });
    return new Exposed(home, server, await server.listensAt("expose"));
  }

  /** Makes a token with the options of `xs token add`. */
  async add(name: string, ...options: string[]): Promise<string> {
    return (await this.home.ok(["token", "add", this.home.store, name, ...options])).trimEnd();
  }

  /** Sends a request, as in `GET /note`. */
  ask(token: string | undefined, request: string, init: RequestInit = {}): Promise<Response> {
    const [method = "", path = ""] = request.split(" ");
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    return fetch(`http://${this.address}${path}`, { ...init, method, headers });
  }

  /** The status of a response and, for an error, its code. */
  async outcome(token: string, request: string, init?: RequestInit): Promise<string> {
    const response = await this.ask(token, request, init);
    const text = await response.text();
    const isProblem = response.headers.get("content-type") === "application/problem+json";
    return isProblem && text !== ""
      ? `${response.status} ${(JSON.parse(text) as { code: string }).code}`
      : String(response.status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    using _home = this.home;
    await this.server[Symbol.asyncDispose]();
  }
}
