// The database file gives back what is free in it: in steps while a server runs, and at once on command.
import { expect, setDefaultTimeout, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const VALUE = "x".repeat(200_000);
const sizeOf = (store: string) => statSync(join(store, "events.db")).size;

/** Puts values, and deletes them again. */
async function fill(server: Server, count: number): Promise<void> {
  const each = (init: RequestInit) =>
    Promise.all(Array.from({ length: count }, (_, n) => server.fetch(`/kv/views/${n}`, init)));
  for (const { ok } of await each({ method: "PUT", body: VALUE })) expect(ok).toBe(true);
  await server.append("note", "kept");
  for (const { ok } of await each({ method: "DELETE" })) expect(ok).toBe(true);
}

test("gc --compact says what space and time it takes, and the database is smaller", async () => {
  using home = new Home();
  {
    await using server = await startServer(home.store);
    await fill(server, 100);
    expect(await server.stop("SIGTERM")).toBe(0);
  }
  const before = sizeOf(home.store);
  expect(before).toBeGreaterThan(10_000_000);
  const dry = await home.xs(["gc", home.store, "--compact", "--dry-run"]);
  expect([dry.code, sizeOf(home.store)]).toEqual([0, before]);
  const { code, stdout, stderr } = await home.xs(["gc", home.store, "--compact"]);
  expect([code, stderr]).toEqual([
    0,
    expect.stringMatching(
      /[0-9.]+ MB of the [0-9.]+ MB of the database are free: to give them back takes about [0-9]+ s, and up to [0-9.]+ MB beside it\n$/,
    ),
  ]);
  expect(dry.stderr).toBe(stderr);
  const [plan, result] = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(JSON.parse(dry.stdout)).toEqual(plan);
  expect(plan).toMatchObject({ contents: 0, bytes: 0, database: { size: before } });
  expect(result).toEqual({ given_back: plan.database.size - result.size, size: result.size });
  expect(sizeOf(home.store)).toBe(result.size);
  expect(result.size).toBeLessThan(before - plan.database.free + 100_000);
  await home.ok(["verify", home.store]);
  const again = await home.xs(["gc", home.store, "--compact"]);
  expect(JSON.parse(again.stdout.split("\n")[1] ?? "")).toEqual({
    given_back: 0,
    size: result.size,
  });
});

test("a server gives space back by itself, and takes writes meanwhile", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await fill(server, 20);
  const free = async () => {
    const [text] = (
      await (await server.fetch("/gc?compact&dry-run", { method: "POST" })).text()
    ).split("\n");
    return (JSON.parse(text ?? "") as { database: { free: number } }).database.free;
  };
  await until("the space is given back", async () => {
    await server.append("note", "meanwhile");
    return (await free()) < 1024 * 1024;
  });
  await home.ok(["gc", home.store, "--compact"]);
  expect(await free()).toBe(0);
  await home.ok(["verify", home.store]);
  expect(await server.stop("SIGTERM")).toBe(0);
  expect(sizeOf(home.store)).toBeLessThan(2_000_000);
});
