import { resolve } from "node:path";
import { Connection, encodeRequest } from "../http.ts";
import { followers, latency } from "../load/follow.ts";
import { post } from "../load/post.ts";
import { read } from "../load/read.ts";
import { type Server, serveWith } from "../processes.ts";
import { asAddress } from "../rows/start.ts";
import type { Peer } from "./peer.ts";

/** xs, or a binary that can do the same. */
export class Xs implements Peer {
  readonly name: string;
  readonly settings: string;
  readonly #binary: string;
  #server: Server | undefined;
  #address = "";

  constructor(binary: string, name: string) {
    this.#binary = resolve(binary);
    this.name = name;
    this.settings = `\`${binary} serve\`, as it comes; unix socket`;
  }

  async start(directory: string): Promise<void> {
    this.#server = await serveWith(this.#binary, directory);
    this.#address = asAddress(directory);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
  }

  async append(clients: number, count: number, content: number): Promise<number> {
    const job = { unix: this.#unix, clients, count, warmUp: 0, content };
    return (await post(job)).perSecond;
  }

  async fill(count: number, rare: number): Promise<void> {
    const connection = await Connection.open(this.#unix);
    const every = count / rare;
    const step = 1000;
    for (let n = 0; n < count; n += step) {
      let lines = "";
      for (let i = n; i < Math.min(n + step, count); i++) {
        lines += `{"topic":"${i % every === 0 ? "rare" : "filled"}","meta":{"n":${i}}}\n`;
      }
      await connection.request(encodeRequest("POST", "/stream", {}, Buffer.from(lines)));
    }
    connection.close();
  }

  async replay(count: number): Promise<number> {
    const { lines, seconds } = await read({ unix: this.#unix, path: "/", times: 1, warmUp: 0 });
    if (lines < count) throw new Error(`xs replayed ${lines} of ${count}`);
    return lines / seconds;
  }

  async topic(rare: number, times: number): Promise<number> {
    const path = "/?topic=rare";
    const { lines, seconds } = await read({ unix: this.#unix, path, times, warmUp: 0 });
    if (lines !== rare) throw new Error(`xs found ${lines} of ${rare}`);
    return 1 / seconds;
  }

  command(...[verb = "", ...args]: string[]): string[] {
    return verb === "version" ? [this.#binary, verb] : [this.#binary, verb, this.#address, ...args];
  }

  latency(count: number): Promise<{ p50: number; p99: number }> {
    return latency({ unix: this.#unix, count, warmUp: 0 });
  }

  async fanOut(many: number, appends: number): Promise<number> {
    const pid = this.#server?.pid ?? 0;
    const job = { unix: this.#unix, pid, followers: many, appends };
    return (await followers(job)).deliveriesPerSecond;
  }

  get #unix(): string {
    return this.#server?.unix ?? "";
  }
}
