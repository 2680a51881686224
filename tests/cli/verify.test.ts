import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { packId } from "../../src/core/id.ts";
import { ContentFiles } from "../../src/store/sqlite/content/cacache-files.ts";
import { damagePage, edit, makeDamagedStore } from "../support/damage.ts";
import { startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

for (const served of [true, false]) {
  const how = served ? "with a server" : "without a server";

  test(`verify of a sound store is exit 0, with nothing on stdout: ${how}`, async () => {
    using home = new Home();
    await home.ok(["append", home.store, "note"], { stdin: "hi" });
    await home.ok(["kv", "put", home.store, "key"], { stdin: "value" });
    await using server = served ? await startServer(home.store) : undefined;
    const { code, stdout, stderr } = await home.xs(["verify", home.store]);
    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain(`${server ? "2 frames" : "1 frame"}, 1 content, 1 pair`);
    for (const part of ["staged", "\x1b", "\r"]) expect(stderr).not.toContain(part);
  });

  test(`verify prints each problem on a line of stdout and is exit 1: ${how}`, async () => {
    using home = new Home();
    const { id } = JSON.parse(await home.ok(["append", home.store, "note"]));
    await home.ok(["append", home.store, "note"]);
    edit(home.store, (db) => {
      db.run("UPDATE frames SET crc = crc + 1 WHERE seq = 1");
      db.run("INSERT INTO tombstones (id, ms, crc) VALUES (?, 1, 1)", ["a\n\x1b[31mb"]);
    });
    await using server = served ? await startServer(home.store) : undefined;
    const { code, stdout, stderr } = await home.xs(["verify", home.store]);
    expect([code, stdout.split("\n")]).toEqual([
      1,
      [
        `frame ${id}: does not match its checksum`,
        "tombstone a\ufffd\ufffd[31mb: is not an id",
        "",
      ],
    ]);
    expect(stderr).toContain(`${server ? 3 : 2} frames, 0 contents, 0 pairs`);
    expect(stderr).toContain("2 problems");
    expect(stderr).not.toContain("should not have happened");
  });

  test(`gc prints what it freed as JSON: ${how}`, async () => {
    using home = new Home();
    const { id, hash } = JSON.parse(
      await home.ok(["append", home.store, "note"], { stdin: "x".repeat(70_000) }),
    );
    await using _server = served ? await startServer(home.store) : undefined;
    const freed = (contents: number) =>
      `${JSON.stringify({ contents, bytes: contents * 70_000 })}\n`;
    expect(await home.ok(["gc", home.store, "--dry-run"])).toBe(freed(0));
    await home.ok(["remove", home.store, id]);
    // In the background, too, what nothing names goes; it may have been quicker.
    const { contents } = JSON.parse(await home.ok(["gc", home.store]));
    expect([0, 1]).toContain(contents);
    expect((await home.xs(["cas", home.store, hash])).code).toBe(1);
    expect(await home.ok(["gc", home.store])).toBe(freed(0));
  });
}

test.each([
  ["with a server", true],
  ["without a server", false],
])("damage is named, and what is beside it can be read: %s", async (_, served) => {
  using home = new Home();
  const lines = Array.from({ length: 400 }, (_, n) => ({
    topic: "note",
    id: packId({ ts_ms: 1000, counter_hi: 0, counter_lo: n, node: "00000000" }),
    hash: null,
    meta: { n, pad: "p".repeat(100) },
    ttl: "forever",
  })).map((frame) => JSON.stringify(frame));
  await home.ok(["import", home.store], { stdin: `${lines.join("\n")}\n` });
  const hash = (await home.ok(["cas-post", home.store], { stdin: "precious" })).trim();
  const other = (await home.ok(["cas-post", home.store], { stdin: "other" })).trim();
  await home.ok(["kv", "put", home.store, "first"], { stdin: "1" });
  await home.ok(["kv", "put", home.store, "second"], { stdin: "2" });
  writeFileSync(new ContentFiles(`${home.store}/cacache`).pathOf(hash), "Precious");
  edit(home.store, (db) => db.run("UPDATE kv SET value = x'33' WHERE key = 'first'"));
  damagePage(home.store, "frames");

  await using _server = served ? await startServer(home.store) : undefined;
  const { code, stdout, stderr } = await home.xs(["verify", home.store]);
  expect(code).toBe(1);
  expect(stderr).not.toContain("should not have happened");
  expect(stdout).toContain(`content ${hash}: is damaged\n`);
  expect(stdout).toContain('key "first": does not match its checksum\n');
  const ids = lines.map((line) => JSON.parse(line).id as string);
  const lost = ids.filter((_, n) => stdout.includes(`frame in row ${n + 1}: cannot be read`));
  expect(lost.length).toBeGreaterThan(0);

  for (const args of [
    ["get", home.store, lost[0] ?? ""],
    ["cas", home.store, hash],
    ["kv", "get", home.store, "first"],
  ]) {
    const refused = await home.xs(args);
    expect([args, refused.code, refused.stdout]).toEqual([args, 1, ""]);
    expect(refused.stderr).toContain("damaged");
    expect(refused.stderr).not.toContain("should not have happened");
  }
  const [before, after] = [ids.indexOf(lost[0] ?? ""), ids.indexOf(lost.at(-1) ?? "") + 1];
  expect(await home.ok(["get", home.store, ids[before - 1] ?? ""])).toBe(`${lines[before - 1]}\n`);
  const cat = ["cat", home.store, "--topic", "note"];
  expect(await home.ok([...cat, "--limit", String(before)])).toBe(
    `${lines.slice(0, before).join("\n")}\n`,
  );
  expect(await home.ok([...cat, "--last-id", lost.at(-1) ?? ""])).toBe(
    `${lines.slice(after).join("\n")}\n`,
  );
  expect(await home.ok(["cas", home.store, other])).toBe("other");
  expect(await home.ok(["kv", "get", home.store, "second"])).toBe("2");
  // Over the damage itself a read breaks off, with all that came before.
  const whole = await home.xs(cat);
  expect(whole.code).toBe(1);
  expect(lines.join("\n").startsWith(whole.stdout.trimEnd())).toBe(true);
});

test("verify tells of contents that are still staged", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await server.append("note", "just now");
  const { code, stderr } = await home.xs(["verify", home.store]);
  expect(code).toBe(0);
  expect(stderr).toContain("2 frames, 1 content, 0 pairs; 1 content still staged");
});

test("a check that breaks off is a failure, whatever it has found", async () => {
  using home = new Home();
  await makeDamagedStore(home.store, 50_000);
  await using server = await startServer(home.store);
  // It stops where its output is not read, and so does the server's answer.
  await using verify = home.start(["verify", home.store]);
  await verify.lines.take(1);
  expect((await server.append("note")).topic).toBe("note");
  await server.stop("SIGKILL");
  const problems = await verify.lines.rest();
  expect(problems.length).toBeLessThan(49_999);
  expect(await verify.exited).toBe(1);
});

test("verify whose output is not read any more ends without a complaint", async () => {
  using home = new Home();
  await makeDamagedStore(home.store, 50_000);
  const { stdout, stderr } = await home.shell(`xs verify ${home.store} | head -1`);
  expect(stdout).toMatch(/^frame \w{25}: does not match its checksum\n$/);
  expect(stderr).toBe("");
});

test("verify of what cannot be opened says why, is exit 1, and makes nothing", async () => {
  using home = new Home();
  const none = await home.xs(["verify", home.store]);
  expect([none.code, none.stdout]).toEqual([1, ""]);
  expect(existsSync(home.store)).toBe(false);
  await home.makeStore();
  writeFileSync(`${home.store}/events.db`, "this is no database at all ".repeat(100));
  const damaged = await home.xs(["verify", home.store]);
  expect([damaged.code, damaged.stdout]).toEqual([1, ""]);
  expect(damaged.stderr).toContain("events.db cannot be opened");
  expect(damaged.stderr).toContain(".recover");
});
