// Raw requests to every door of a server: it lives, nobody beside them waits long, no answer is an
// internal error or tells of the program, memory stays, and the store is as sound as before.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { Site } from "../gateway/site.ts";
import { memoryOf } from "../support/memory.ts";
import { report, seedFrom, setting } from "../support/random.ts";
import { RawConnection } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { TEST_MS, within } from "../support/wait.ts";
import { type DoorName, type RawRequest, rawRequests } from "./raw-requests.ts";

/** `XS_FUZZ_REQUESTS=20000` for the long run. */
const REQUESTS = setting("XS_FUZZ_REQUESTS", 2000);
const SEED = seedFrom("XS_FUZZ_SEED");
const CLIENTS = 8;
/** A request that is not whole has no answer: the client goes after so many ms. */
const PATIENCE_MS = 150;
/** What an answer may take in any case, as the machine does other things as well, in ms. */
const FLOOR_MS = 25;

setDefaultTimeout(TEST_MS * Math.ceil(REQUESTS / 1000));

/** Parts of a stack trace or of the program, which nobody outside should see. */
const INSIDE = /this should not have happened|\bat \S+ \(|\.[jt]s:\d+|\$bunfs|node:internal/;

/** How long each answer took that a process beside this one got until `run` ended, in ms. */
async function beside(unix: string, run: () => Promise<void>): Promise<number[]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "probe.ts"), unix], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const times = new Response(child.stdout).text();
  await run();
  child.stdin.end();
  const told = (await within("the end of the probe", times)).trim().split("\n").map(Number);
  expect(await child.exited).toBe(0);
  return told;
}

function* inSlices(): Generator<RawRequest> {
  const slice = 100;
  for (let n = 0; n < REQUESTS; n += slice) {
    const numRuns = Math.min(slice, REQUESTS - n);
    yield* fc.sample(rawRequests, { numRuns, seed: SEED + n });
  }
}

test("any bytes to any door", async () => {
  const answered = new Map<string, number>();
  const wrong: object[] = [];
  await using site = await Site.open(["--expose", ":0", "--http-timeout", "1000"]);
  const { server } = site;
  await using _responder = await site.answer((_, send) => send("ok"));
  const expose = await server.listensAt("expose");
  const token = readFileSync(join(server.directory, "token"), "latin1").trim();
  const addresses: Record<DoorName, string> = {
    socket: server.unix,
    expose,
    gateway: site.address,
  };

  const send = async ({ door, pieces, hangsUp }: RawRequest) => {
    using connection = await RawConnection.open(addresses[door]);
    for (const piece of pieces) {
      const text = Buffer.from(piece).toString("latin1");
      connection.send(
        text
          .replaceAll("HOST", door === "socket" ? "x" : addresses[door])
          .replaceAll("TOKEN", token),
      );
      if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
    }
    if (hangsUp) return;
    const deadline = performance.now() + PATIENCE_MS;
    let closed = false;
    void connection.closed.then(() => {
      closed = true;
    });
    while (!closed && performance.now() < deadline && !/\r\n\r\n/.test(connection.received)) {
      await Bun.sleep(2);
    }
    const { received } = connection;
    const statuses = [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(
      ([, status = ""]) => status,
    );
    if (INSIDE.test(received) || statuses.includes("500")) {
      wrong.push({
        door,
        sent: pieces.map((piece) => Buffer.from(piece).toString("latin1")),
        received,
      });
    }
    for (const status of statuses) {
      const kind = `${door} ${status[0]}xx`;
      answered.set(kind, (answered.get(kind) ?? 0) + 1);
    }
  };

  // The same server with little to do.
  const calm = await beside(server.unix, async () => {
    for (let n = 0; n < 200; n++) await server.append("calm", String(n));
  });
  const before = memoryOf(server.pid);
  let most = before;
  const times = await beside(server.unix, async () => {
    // Some at a time: to make them all would take long enough for those who wait to give up.
    const cases = inSlices();
    const client = async () => {
      for (const one of cases) {
        await send(one);
        most = Math.max(most, memoryOf(server.pid));
      }
    };
    await Promise.all(Array.from({ length: CLIENTS }, client));
  });
  const worst = (all: readonly number[]) => Math.max(...all);
  report(`XS_FUZZ_REQUESTS=${REQUESTS} XS_FUZZ_SEED=${SEED}`, [
    [...answered]
      .sort()
      .map(([kind, count]) => `${kind}: ${count}`)
      .join(", "),
    `an answer beside it: ${worst(times).toFixed(0)} ms at worst, ${worst(calm).toFixed(0)} ms in an idle server`,
    `memory +${Math.round(most - before)} MB`,
  ]);
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(worst(times)).toBeLessThan(20 * Math.max(FLOOR_MS, worst(calm)));
  expect(most - before).toBeLessThan(400);
  // Each door takes some and refuses some, or this would tell nothing.
  for (const door of Object.keys(addresses)) {
    for (const kind of ["2xx", "4xx"]) {
      expect([door, kind, (answered.get(`${door} ${kind}`) ?? 0) > REQUESTS / 100]).toEqual([
        door,
        kind,
        true,
      ]);
    }
  }
  expect((await site.curl("/after")).status).toBe(200);
  await server.append("after", "the fuzz");
  expect(await server.stop("SIGTERM")).toBe(0);
  expect(INSIDE.exec(await server.stderr)?.[0]).toBeUndefined();
  await expectSound(server.directory);
});
