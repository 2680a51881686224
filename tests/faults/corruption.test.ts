// A byte is changed at a random place of every kind of file: what is served is right or an error that
// names it, nothing crashes, and a check names what is not there any more.
import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { edit } from "../support/damage.ts";
import { Random, report, seedFrom, setting } from "../support/random.ts";
import { parseLines, Server, startServer } from "../support/server.ts";
import { filesBelow, tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

/** Places in each kind of file: `XS_CORRUPTION_PLACES=300` for the long run. */
const PLACES = setting("XS_CORRUPTION_PLACES", 5);
const SEED = seedFrom("XS_CORRUPTION_SEED");

setDefaultTimeout(TEST_MS * Math.ceil(PLACES / 25));

/** What is in the store before anything is damaged. */
interface Truth {
  readonly frames: readonly Frame[];
  readonly contents: ReadonlyMap<string, string>;
  readonly pairs: ReadonlyMap<string, string>;
}

async function fill(server: Server): Promise<Truth> {
  const contents = new Map<string, string>();
  const pairs = new Map<string, string>();
  for (let n = 0; n < 60; n++) {
    const content = n % 10 === 0 ? `large ${n} `.repeat(9000) : `small ${n} `.repeat(1 + (n % 50));
    const topic = `damage.${n % 3}`;
    const frame = await server.append(topic, n % 4 === 3 ? "" : content, { "xs-meta": `${n}` });
    if (frame.hash) contents.set(frame.hash, content);
  }
  for (let n = 0; n < 20; n++) {
    const value = `value ${n} `.repeat(1 + n * 10);
    await server.fetch(`/kv/pairs/${n}`, { method: "PUT", body: value });
    pairs.set(`pairs/${n}`, value);
  }
  return { frames: await server.frames(), contents, pairs };
}

type State = "closed" | "killed" | "staged";

/** Stores with all of it: closed in good order, killed, and killed but with its log in the database. */
async function makeStores(parent: string): Promise<ReadonlyMap<State, Truth>> {
  const truths = new Map<State, Truth>();
  for (const state of ["closed", "killed", "staged"] as const) {
    await using server = await startServer(join(parent, state));
    const truth = await fill(server);
    await server.stop(state === "closed" ? "SIGTERM" : "SIGKILL");
    truths.set(state, truth);
  }
  edit(join(parent, "staged"), () => {});
  return truths;
}

/** A kind of file, in the store where it has something in it. */
const KINDS: readonly (readonly [name: string, state: State, files: RegExp])[] = [
  ["the database", "closed", /^events\.db$/],
  ["the database, with staged content", "staged", /^events\.db$/],
  ["the write-ahead log", "killed", /^events\.db-wal$/],
  ["the mark of the write-ahead log", "killed", /^events\.db-mark$/],
  ["content", "closed", /^cacache\/content-v2\//],
  ["the index of cacache", "closed", /^cacache\/index-v5\//],
  ["the lock", "killed", /^lock\.db/],
];

/** Changes a byte; gives where. An empty file gets one. */
function damage(store: string, files: RegExp, random: Random): string {
  const name = random.pick(
    filesBelow(store)
      .filter((file) => files.test(file))
      .sort(),
  );
  const path = join(store, name);
  const bytes = readFileSync(path);
  const at = random.below(Math.max(1, bytes.length));
  const changed = bytes.length === 0 ? Buffer.from([0]) : bytes;
  changed[at] = (changed[at] ?? 0) ^ (1 + random.below(255));
  writeFileSync(path, changed);
  return `${name} at ${at}`;
}

/** What is not served as it was, by its name. Anything else than that or an error is wrong data. */
async function missingFrom(server: Server, truth: Truth): Promise<string[]> {
  const missing: string[] = [];
  const known = new Map(truth.frames.map((frame) => [frame.id, frame]));
  const seen = new Set<string>();
  for (const path of ["/", "/?topic=damage.*", "/?order=desc", "/?topic=damage.1"]) {
    const text = await textOf(server, path);
    // A read that meets damage is broken off after a whole line.
    for (const frame of parseLines(text.slice(0, text.lastIndexOf("\n") + 1))) {
      const wanted = known.get(frame.id);
      if (!wanted && frame.topic.startsWith("stream.cross.")) continue;
      expect(frame).toEqual(wanted as Frame);
      seen.add(`${path} ${frame.id}`);
    }
  }
  for (const { id, topic } of truth.frames) {
    const mine = topic.startsWith("damage.") ? ["/?topic=damage.*"] : [];
    const one = topic === "damage.1" ? ["/?topic=damage.1"] : [];
    for (const path of ["/", "/?order=desc", ...mine, ...one]) {
      if (!seen.has(`${path} ${id}`)) missing.push(`${path} ${id}`);
    }
    const text = await textOf(server, `/${id}`);
    if (text === "") missing.push(id);
    else expect(JSON.parse(text)).toEqual(known.get(id) as Frame);
  }
  const texts = [...truth.contents].map(([hash, text]): [string, string] => [`/cas/${hash}`, text]);
  for (const [key, value] of truth.pairs) texts.push([`/kv/${key}`, value]);
  for (const [path, wanted] of texts) {
    const text = await textOf(server, path);
    if (text === "") missing.push(path);
    else expect([path, text === wanted]).toEqual([path, true]);
  }
  return missing;
}

/** The body of an answer, as far as it came; "" for an error, which has to have a name. */
async function textOf(server: Server, path: string): Promise<string> {
  const response = await server.fetch(path).catch(() => undefined);
  if (!response) {
    // Broken off before the first bytes went out, by a server that goes on.
    expect((await server.fetch("/health")).status).toBe(200);
    return "";
  }
  if (!response.ok) {
    const problem = await response.text();
    expect([path, /"code":"(?!internal)/.test(problem), problem]).toEqual([path, true, problem]);
    return "";
  }
  const decoder = new TextDecoder();
  let text = "";
  try {
    for await (const bytes of response.body ?? []) text += decoder.decode(bytes, { stream: true });
  } catch {
    // Broken off where the damage is.
    if (!path.startsWith("/?") && path !== "/") return "";
  }
  return text;
}

type Verdict = "named" | "did not matter" | "not opened";

/** What becomes of a damaged store. */
async function examine(home: Home, store: string, truth: Truth): Promise<Verdict> {
  await using server = new Server(store);
  try {
    await server.ready();
  } catch {
    const said = await server.stderr;
    expect([await server.exited, /ERROR/.test(said), said]).toEqual([1, true, said]);
    expect(said).not.toMatch(/^ +at /m);
    const before = readFiles(store);
    const verify = await home.xs(["verify", store]);
    expect([verify.code, verify.stderr]).toEqual([1, expect.stringContaining("events.db")]);
    // It is the evidence, and what can be read of it is not to go.
    expect(readFiles(store)).toEqual(before);
    return "not opened";
  }
  const first = await missingFrom(server, truth);
  const { code, stdout, stderr } = await home.xs(["verify", store]);
  expect([code === 0 || code === 1, /^ +at /m.test(stderr)]).toEqual([true, false]);
  // A wrong expiry is mended by and by: then it is only the first read that missed something.
  const missing = code === 0 && first.length > 0 ? await missingFrom(server, truth) : first;
  const append = await server.fetch("/damage.after", { method: "POST", body: "after" });
  const answer = await append.text();
  expect([append.ok || /"code":"(?!internal)/.test(answer), answer]).toEqual([true, answer]);
  const exit = await server.stop("SIGTERM");
  const said = await server.stderr;
  expect([exit === 0 || /ERROR/.test(said), said]).toEqual([true, said]);
  expect(said).not.toMatch(/^ +at /m);
  if (code === 1 && stdout !== "") return "named";
  expect(missing).toEqual([]);
  return "did not matter";
}

/** The database and its log, by a hash of each. */
function readFiles(store: string): string[] {
  return ["events.db", "events.db-wal"]
    .filter((name) => existsSync(join(store, name)))
    .map((name) => `${name} ${Bun.hash(readFileSync(join(store, name)))}`);
}

test("a changed byte in any file never gives wrong data, crashes nothing, and is named or does not matter", async () => {
  report(`XS_CORRUPTION_PLACES=${PLACES} XS_CORRUPTION_SEED=${SEED}`, []);
  const random = new Random(SEED);
  using home = new Home();
  using stores = tempDirectory();
  const truths = await makeStores(stores.path);
  const lines: string[] = [];
  for (const [name, state, files] of KINDS) {
    const verdicts = new Map<Verdict, number>();
    for (let n = 0; n < PLACES; n++) {
      using copy = tempDirectory(existsSync("/dev/shm") ? "/dev/shm" : undefined);
      const store = join(copy.path, "store");
      cpSync(join(stores.path, state), store, {
        recursive: true,
        filter: (path) => !/\/(sock|events\.db-shm)$/.test(path),
      });
      const place = damage(store, files, random);
      try {
        const verdict = await examine(home, store, truths.get(state) as Truth);
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      } catch (error) {
        process.stderr.write(`damaged: ${name}, ${place}\n`);
        throw error;
      }
    }
    lines.push(`${name}: ${[...verdicts].map(([what, count]) => `${what} ${count}`).join(", ")}`);
  }
  report(`${PLACES} places in each kind of file`, [...lines, "wrong data: 0, crashes: 0"]);
});
