// No descriptor is left, and no thread or process may be started: what needs one is refused or waits, and
// the server goes on.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, chownSync, readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const USER = 12_345;
const LARGE = "x".repeat(200_000);

const missing =
  process.platform !== "linux"
    ? "prlimit is for Linux"
    : Bun.which("prlimit") === null || Bun.which("setpriv") === null
      ? "there is no prlimit, or no setpriv"
      : process.getuid?.() !== 0
        ? "only root can take limits back"
        : undefined;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A connection that is there before the lack, as there is no descriptor for another one. */
class Line implements Disposable {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #socketPath: string;

  constructor(server: Server) {
    this.#socketPath = server.unix;
  }

  ask(method: string, path: string, body = ""): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const how = { agent: this.#agent, socketPath: this.#socketPath, method, path };
    const asked = request(how, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (bytes: Buffer) => parts.push(bytes));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }),
      );
    });
    asked.on("error", reject);
    asked.end(body);
    return promise;
  }

  async append(content: string, query = ""): Promise<Frame> {
    const { status, text } = await this.ask("POST", `/stream/note${query}`, content);
    expect([status, text]).toEqual([200, text]);
    return JSON.parse(text) as Frame;
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

/** Sets a limit of a process, below what it might have. */
function limit(
  pid: number,
  what: "nofile" | "nproc",
  most: number,
  as: readonly string[] = [],
): void {
  const command = [...as, "prlimit", `--pid=${pid}`, `--${what}=${most}:`];
  const { exitCode, stderr } = Bun.spawnSync(command);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** Takes every descriptor from a process that it does not have yet. */
function takeDescriptors(pid: number): void {
  const used = readdirSync(`/proc/${pid}/fd`).map(Number);
  let lowest = 0;
  while (used.includes(lowest)) lowest++;
  limit(pid, "nofile", lowest);
}

function staged(server: Server): Promise<number> {
  return server
    .fetch("/metrics")
    .then((response) => response.text())
    .then((text) => Number(/^xs_staged_contents (\d+)/m.exec(text)?.[1]));
}

/** Everything that was acknowledged is there, and the server stops in good order. */
async function expectSound(home: Home, server: Server, frames: readonly Frame[]): Promise<void> {
  for (const frame of frames) {
    const found = await server.fetch(`/${frame.id}`);
    expect([found.status, await found.json()]).toEqual([200, frame]);
    expect((await server.fetch(`/${frame.id}/content`)).status).toBe(200);
  }
  const verified = await home.xs(["verify", home.store]);
  expect([verified.code, verified.stdout]).toEqual([0, ""]);
  expect(await server.stop("SIGTERM")).toBe(0);
  const stderr = await server.stderr;
  expect(stderr).not.toMatch(/can no longer write|panic|ran out|should not have happened/);
  // Nothing of the program itself.
  expect(stderr).not.toMatch(/^ {4,}at |^\d+ \||bunfs/m);
  await home.ok(["verify", home.store]);
}

describe.skipIf(missing !== undefined)(`limits${missing ? ` (${missing})` : ""}:`, () => {
  test("without a descriptor small content is taken, large refused, and nothing stops", async () => {
    using home = new Home();
    await using server = await startServer(home.store);
    using line = new Line(server);
    const kept = [await line.append("before"), await line.append(LARGE)];
    const gone = await line.append("gone", "?ttl=time:1");
    const freed = await line.append(`${LARGE}freed`);
    takeDescriptors(server.pid);
    try {
      for (let n = 0; n < 50; n++) kept.push(await line.append(`small ${n}`));
      const large = await line.ask("POST", "/stream/note", `${LARGE}more`);
      expect([large.status, large.text]).toEqual([503, expect.stringContaining("too_many_files")]);
      expect((await line.ask("DELETE", `/${freed.id}`)).status).toBe(204);
      expect((await line.ask("GET", "/stream/note?limit=3")).status).toBe(200);
      expect((await line.ask("PUT", "/kv/key", "value")).status).toBe(200);
      expect((await line.ask("GET", "/kv/key")).text).toBe("value");
      // What needs a descriptor is refused, or says that it could not be done; it finds no damage.
      for (const [method, path] of [
        ["GET", "/verify"],
        ["GET", "/export"],
        ["POST", "/gc"],
      ] as const) {
        const { status, text } = await line
          .ask(method, path)
          .catch(() => ({ status: 0, text: "" }));
        expect([path, status < 500 || status === 503, text]).toEqual([path, true, text]);
        expect(text).not.toMatch(/"problem"|should not have happened/);
      }
      // Longer than sweeps, collections and settling wait.
      await until("what has expired is gone", async () => {
        return (await line.ask("GET", `/${gone.id}`)).status === 404;
      });
      for (const end = performance.now() + 5000; performance.now() < end; await Bun.sleep(50)) {
        kept.push(await line.append(`still there ${kept.length}`));
      }
    } finally {
      limit(server.pid, "nofile", 1024);
    }
    kept.push(await line.append(`${LARGE}after`));
    await until("all has settled", async () => (await staged(server)) === 0);
    expect((await server.fetch("/gc", { method: "POST" })).status).toBe(200);
    await expectSound(home, server, kept);
  });

  test("where no thread and no process can be started, it goes on with those it has", async () => {
    using home = new Home();
    chmodSync(home.path, 0o755);
    chownSync(home.path, USER, USER);
    const under = ["setpriv", `--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"];
    // Bun starts threads for these when it likes, and aborts where it cannot: the server is not what is tried here.
    const env = { BUN_JSC_useConcurrentGC: "0", BUN_JSC_useConcurrentJIT: "0" };
    await using server = await startServer(home.store, { under, env });
    using line = new Line(server);
    const kept = [await line.append("before")];
    await until("its threads are there", () => {
      const threads = readdirSync(`/proc/${server.pid}/task`).length;
      return threads >= 6 && readFileSync(`/proc/${server.pid}/comm`, "utf8") !== "";
    });
    limit(server.pid, "nproc", 1, under);
    for (let n = 0; n < 50; n++) kept.push(await line.append(`small ${n}`));
    kept.push(await line.append(LARGE));
    await until("all has settled", async () => (await staged(server)) === 0);
    const { status, text } = await line.ask("GET", "/verify");
    expect([status, text]).toEqual([200, expect.stringContaining('"problems":0')]);
    limit(server.pid, "nproc", 1000, under);
    await expectSound(home, server, kept);
  });

  test.each([256, 1024])(
    "with ulimit -n %d and many idle connections the store goes on",
    async (most) => {
      using home = new Home();
      const under = ["sh", "-c", `ulimit -n ${most}; exec "$@"`, "sh"];
      await using server = await startServer(home.store, {
        under,
        args: ["--expose", "127.0.0.1:0", "--http", "127.0.0.1:0"],
      });
      using line = new Line(server);
      const kept = [await line.append("before")];
      const idle: Bun.Socket[] = [];
      for (const door of ["expose", "http"] as const) {
        const [, hostname = "", port] = /^(.*):(\d+)$/.exec(await server.listensAt(door)) ?? [];
        for (let n = 0; n < most; n++) {
          const socket = await Bun.connect({ hostname, port: Number(port), socket: { data() {} } });
          idle.push(socket);
        }
      }
      try {
        for (let n = 0; n < 50; n++) kept.push(await line.append(`small ${n}`));
        kept.push(await line.append(LARGE), await line.append(`${LARGE}too`));
        // Other clients of the socket come in as well.
        kept.push(await server.append("note", "from another"));
        await until("all has settled", async () => (await staged(server)) === 0);
      } finally {
        for (const socket of idle) socket.terminate();
      }
      await expectSound(home, server, kept);
    },
  );
});

test("a command that has too few descriptors says so, and takes that for no damage", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note", "--meta", "1"]);
  let worked = 0;
  for (let most = 8; worked < 3 && most < 64; most++) {
    const { code, stdout, stderr } = await home.shell(`ulimit -n ${most}; xs cat ${home.store}`);
    if (code === 0) worked++;
    expect([most, code, stdout !== ""]).toEqual([most, code === 0 ? 0 : 1, code === 0]);
    if (code !== 0) expect(stderr).toMatch(/no file descriptor left|EMFILE|ran out of/);
    expect(stderr).not.toContain("restore a copy");
  }
  expect(worked).toBe(3);
});

test("with few descriptors a read with content gives the content, or says what lacks", async () => {
  using home = new Home();
  const batch = Array.from({ length: 200 }, (_, n) => `{"topic":"t","content":"text ${n}"}`);
  {
    await using server = await startServer(home.store);
    await server.fetch("/stream", { method: "POST", body: batch.join("\n") });
    await until("all content is in files", async () => (await staged(server)) === 0);
  }
  let worked = 0;
  for (let most = 12; worked < 3 && most < 64; most += 2) {
    const line = `ulimit -n ${most}; xs cat ${home.store} --topic t --content`;
    const { code, stdout, stderr } = await home.shell(line);
    if (code !== 0) {
      expect(stderr).toMatch(/no file descriptor left|EMFILE|ran out of/);
      continue;
    }
    worked++;
    const told = stdout
      .trimEnd()
      .split("\n")
      .map((frame) => JSON.parse(frame).content);
    expect(told).toEqual(batch.map((frame) => JSON.parse(frame).content));
  }
  expect(worked).toBe(3);
});
