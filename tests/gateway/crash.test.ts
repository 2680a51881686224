import { expect, setDefaultTimeout, test } from "bun:test";
import { Random, seedFrom, setting } from "../support/random.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { type Request, Site } from "./site.ts";

/** `XS_GATEWAY_ROUNDS=50` for the full run; `XS_GATEWAY_SEED` to run one again. */
const ROUNDS = setting("XS_GATEWAY_ROUNDS", 5);
const SEED = seedFrom("XS_GATEWAY_SEED");
const CLIENTS = 8;

setDefaultTimeout(TEST_MS * Math.ceil(ROUNDS / 5));

test("kill -9 under load: never a wrong answer, and each answer has both its frames", async () => {
  process.stderr.write(`XS_GATEWAY_ROUNDS=${ROUNDS} XS_GATEWAY_SEED=${SEED}\n`);
  const random = new Random(SEED);
  using home = tempDirectory();
  const store = `${home.path}/store`;
  const answered = new Map<string, string>();
  let next = 0;
  const client = async (site: Site) => {
    try {
      for (;;) {
        const n = next++;
        const response = await fetch(`http://${site.address}/${n}`, {
          method: "POST",
          body: `${n}`,
        });
        const text = await response.text();
        if (response.status === 200) answered.set(`/${n}`, text);
        else expect(response.status).toBeGreaterThanOrEqual(500);
      }
    } catch (error) {
      // The server was killed under way.
      if ((error as Error).message.includes("expect(")) throw error;
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    await using site = await Site.open([], ":0", store);
    await using _responder = await site.answer(async (request, send) => {
      const body = await site.contentOf(request);
      // Some answers come in two parts.
      if (Number(body) % 3 === 0) await send("part ", { more: true });
      await send(`${request.meta.path} ${body}`);
    });
    const enough = answered.size + 20 + Math.floor(random.next() * 100);
    const clients = Array.from({ length: CLIENTS }, () => client(site));
    await until("some answers", () => answered.size >= enough);
    await Bun.sleep(random.next() * 20);
    await site.server.stop("SIGKILL");
    await Promise.all(clients);
  }
  await using site = await Site.open([], ":0", store);
  const requests = (await site.frames("http.request")) as Request[];
  expect(new Set(requests.map(({ meta }) => meta.path)).size).toBe(requests.length);
  const byPath = new Map(requests.map((request) => [request.meta.path, request]));
  const contents = new Map<string, string>();
  for (const response of await site.frames("http.response")) {
    const { request_id } = response.meta as { request_id: string };
    contents.set(request_id, (contents.get(request_id) ?? "") + (await site.contentOf(response)));
  }
  for (const [path, text] of answered) {
    const n = path.slice(1);
    expect(text).toBe(`${Number(n) % 3 === 0 ? "part " : ""}${path} ${n}`);
    const request = byPath.get(path);
    if (!request) throw new Error(`${path} was answered and has no frame`);
    expect(await site.contentOf(request)).toBe(n);
    expect(contents.get(request.id)).toBe(text);
  }
  expect(await site.server.stop("SIGTERM")).toBe(0);
  await expectSound(store);
});
