// Large content on the binary with a real server of NATS: through a node that does not lead, with flat memory, killed in
// the middle, and read on another node.
import { expect, setDefaultTimeout } from "bun:test";
import { cpSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { streamOf } from "../../src/lib/streams.ts";
import { NatsServers } from "../support/nats.ts";
import { natsTest } from "../support/nats-test.ts";
import { type Server, startServer } from "../support/server.ts";
import { filesBelow, tempDirectory } from "../support/temp.ts";
import { TEST_MS, until, within } from "../support/wait.ts";

/** The size of the content, in GB. */
const GB = Number(process.env.XS_LARGE_GB ?? 0.3);
const SIZE = Math.round(GB * 1e9);
const PIECE = 1 << 20;
/** How much more memory a node may take for content of any size, in MB. */
const MAX_MORE_MB = 250;

setDefaultTimeout(TEST_MS + GB * 600_000);

/** Bytes that do not repeat, made as they are asked for. */
async function* bytes(size: number, hasher?: Bun.CryptoHasher): AsyncGenerator<Uint8Array> {
  const piece = crypto.getRandomValues(new Uint8Array(65_536));
  for (let left = size, n = 0; left > 0; n++) {
    const chunk = new Uint8Array(Math.min(left, PIECE));
    for (let at = 0; at < chunk.length; at += piece.length) {
      chunk.set(piece.subarray(0, Math.min(piece.length, chunk.length - at)), at);
      new DataView(chunk.buffer).setUint32(at, n);
    }
    hasher?.update(chunk);
    left -= chunk.length;
    yield chunk;
  }
}

function post(server: Server, chunks: AsyncGenerator<Uint8Array>): Promise<Response> {
  return server.fetch("/append/file", { method: "POST", body: streamOf(chunks) });
}

/** The most memory that a process has had, in MB. */
function peakOf({ pid }: Server): number {
  const [, kb] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kb) / 1024;
}

natsTest(
  "content of any size goes through a node that does not lead, with flat memory",
  async () => {
    await using nats = await NatsServers.start(1);
    using home = tempDirectory(process.env.XS_LARGE_DIR);
    const store = (name: string) => join(home.path, name);
    const start = (name: string) =>
      startServer(store(name), { args: ["--journal", nats.url("large"), "--node", name] });
    await using a = await start("a");
    mkdirSync(store("b"));
    cpSync(join(store("a"), "cluster-key"), join(store("b"), "cluster-key"));
    let b = await start("b");
    try {
      await until("it can write", async () => (await b.append("hello")).id !== "");

      // Killed in the middle: nothing of it is in the store, nor stays in the files.
      let sent = 0;
      const half = Promise.withResolvers<void>();
      async function* counted(): AsyncGenerator<Uint8Array> {
        for await (const chunk of bytes(SIZE)) {
          sent += chunk.length;
          if (sent > SIZE / 2) half.resolve();
          yield chunk;
        }
      }
      const cut = post(b, counted()).catch((error: Error) => error);
      await half.promise;
      expect(await b.stop("SIGKILL")).toBeGreaterThan(0);
      await within("the end of the request", cut);
      b = await start("b");
      expect(await (await b.fetch("/?topic=file")).text()).toBe("");
      const before = { a: peakOf(a), b: peakOf(b) };

      const hasher = new Bun.CryptoHasher("sha256");
      const response = await post(b, bytes(SIZE, hasher));
      expect(response.status).toBe(200);
      const { hash, id } = (await response.json()) as { hash: string; id: string };
      expect(hash).toBe(`sha256-${hasher.digest("base64")}`);
      expect(peakOf(b) - before.b).toBeLessThan(MAX_MORE_MB);

      // The node that leads fetches it, reads ranges, and has it whole.
      const range = await a.fetch(`/cas/${hash}`, { headers: { range: "bytes=-4" } });
      expect(range.status).toBe(206);
      const read = new Bun.CryptoHasher("sha256");
      for await (const chunk of (await a.fetch(`/${id}/content`)).body ?? []) read.update(chunk);
      expect(`sha256-${read.digest("base64")}`).toBe(hash);
      expect(peakOf(a) - before.a).toBeLessThan(MAX_MORE_MB);
      process.stderr.write(
        `${GB} GB: ${Math.round(peakOf(a) - before.a)} MB more on the node that leads, ${Math.round(peakOf(b) - before.b)} MB on the one that took it\n`,
      );
      const large = filesBelow(store("b")).filter((name) => name.includes("content-v2"));
      expect(large).toHaveLength(1);
      expect(readdirSync(join(store("b"), "cacache/tmp"))).toEqual([]);

      // Freed on all nodes, and in the files of NATS.
      await b.fetch(`/${id}`, { method: "DELETE" });
      // Another node may lead by now; and to remove so much takes the servers of NATS a while.
      const refusals: string[] = [];
      const isFreed = async (server: Server): Promise<boolean> => {
        const answer = await server.fetch("/gc", { method: "POST" });
        if (!answer.ok) refusals.push(await answer.text());
        return answer.ok;
      };
      for (let tries = 0; !(await isFreed(a)) && !(await isFreed(b)); tries++) {
        if (tries > 60) throw new Error(refusals.slice(-2).join("\n"));
        await Bun.sleep(1000);
      }
      if (refusals.length > 0)
        process.stderr.write(`refused: ${[...new Set(refusals)].join(" ")}\n`);
      for (const name of ["a", "b"]) {
        await until("it is gone", () =>
          filesBelow(store(name)).every((file) => !file.includes("content-v2")),
        );
      }
    } finally {
      await b[Symbol.asyncDispose]();
    }
  },
);
