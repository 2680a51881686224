import { expect, setDefaultTimeout, test } from "bun:test";
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { hashOf } from "../../src/core/hash.ts";
import { parseLines, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** A real export: what `.export` of cross.stream 0.13 wrote, with earlier ids. */
const EXPORT = join(import.meta.dir, "../fixtures/cross-stream");
/** All but those whose ttl is over are to be there, in this order, for ever where the ttl is null. */
const FRAMES = parseLines(await Bun.file(join(EXPORT, "frames.jsonl")).text())
  .filter(({ ttl }) => !ttl?.startsWith("time:"))
  .map((frame) => ({ ...frame, ttl: frame.ttl ?? "forever" }));
const CONTENTS = readdirSync(join(EXPORT, "cas"));

/** A user whose home has that export. */
function withExport(): Home {
  const home = new Home();
  cpSync(EXPORT, join(home.path, "backup"), { recursive: true });
  return home;
}

async function expectWhole(home: Home, store: string): Promise<void> {
  expect(parseLines(await home.ok(["cat", store]))).toEqual(FRAMES as Frame[]);
  for (const { id, hash } of FRAMES) {
    if (hash === null) continue;
    const { bytes } = await home.xs(["content", store, id]);
    expect(hashOf(bytes)).toBe(hash);
  }
  await expectSound(store);
}

const COUNTS = { frames: FRAMES.length + 2, added: FRAMES.length, contents: CONTENTS.length };

/** What a command that makes a store says on stderr, and no more. */
const madeStore = (store: string) => new RegExp(`^.*made a new store at ${store}\n$`);

test("the folder is imported as it is, order, ids and content, with a server and without", async () => {
  using home = withExport();
  const answer = await home.ok(["import", home.store, "./backup"]);
  expect(JSON.parse(answer)).toEqual({ ...COUNTS, pairs: 0 });
  await expectWhole(home, home.store);
  writeFileSync(join(home.path, "backup/._frames.jsonl"), "of macOS");
  // Again, and into a store that is served.
  expect(JSON.parse(await home.ok(["import", home.store, "backup/"])).added).toBe(0);
  const served = join(home.path, "served");
  {
    await using server = await startServer(served);
    await home.ok(["import", served, join(home.path, "backup")]);
    expect((await server.frames("/stream/note")).length).toBeGreaterThan(1);
    await server.stop("SIGTERM");
  }
  await expectSound(served);
});

test("where there is one argument, an export's folder is what to import, and a store is where to", async () => {
  using home = withExport();
  const env = { XS_ADDR: home.store };
  expect(JSON.parse(await home.ok(["import", "./backup"], { env }))).toMatchObject(COUNTS);
  expect(JSON.parse(await home.ok(["import", "backup"], { env })).added).toBe(0);
  const line = await home.ok(["last", home.store, "note"]);
  expect(await home.ok(["import", "./its-store"], { stdin: line })).toBe(line);
});

const LONG = `deep/${"a-very-long-name-of-a-folder".repeat(5)}/er`;
const tars: [what: string, args: string][] = [
  ["GNU, with a leading folder", "--format=gnu backup"],
  ["GNU, from inside", "--format=gnu -C backup ."],
  ["POSIX, with a leading folder", "--format=posix ./backup"],
  ["POSIX, from inside, without a dot", "--format=posix -C backup cas frames.jsonl"],
  ["ustar, with two leading folders", "--format=ustar ./deep/er"],
  ["the oldest form, which has no magic", "--format=v7 backup"],
  ["GNU, with names longer than a header holds", `--format=gnu ${LONG}`],
  ["POSIX, with names longer than a header holds", `--format=posix ${LONG}`],
  ["no entries for folders", "--format=gnu --no-recursion backup/frames.jsonl backup/cas/*"],
];

test.each(tars)("a tar of it: %s", async (_, args) => {
  using home = withExport();
  mkdirSync(join(home.path, "deep"));
  cpSync(join(home.path, "backup"), join(home.path, LONG), { recursive: true });
  cpSync(join(home.path, "backup"), join(home.path, "deep/er"), { recursive: true });
  writeFileSync(join(home.path, "backup/.DS_Store"), "of macOS");
  const { code, stderr } = await home.shell(
    `tar cf a.tar ${args} && xs import ${home.store} a.tar`,
  );
  expect([code, stderr]).toEqual([0, expect.stringMatching(madeStore(home.store))]);
  await expectWhole(home, home.store);
});

test("its NDJSON, and xs.nu's own way: each content, then each frame", async () => {
  using home = withExport();
  const { code, stderr } = await home.shell(`xs import ${home.store} backup/frames.jsonl`);
  expect(code).toBe(0);
  const named = FRAMES.filter(({ hash }) => hash !== null).length;
  expect(stderr).toContain(`${named} frames have content that is not here`);
  const each = `
    for file in backup/cas/*; do xs cas-post ${home.store}/2 <$file; done
    while read -r line; do echo "$line" | xs import ${home.store}/2; done <backup/frames.jsonl`;
  const second = await home.shell(each);
  expect([second.code, second.stderr]).toEqual([
    0,
    expect.stringMatching(madeStore(join(home.store, "2"))),
  ]);
  expect(second.stdout).toContain('"topic":"xs.start"');
  expect(second.stdout).toContain('"meta":null,"ttl":"forever"}');
  await expectWhole(home, join(home.store, "2"));
});

test("content that is not what its name says is refused by its name, and nothing is kept", async () => {
  using home = withExport();
  const [name = ""] = CONTENTS;
  writeFileSync(join(home.path, "backup/cas", name), "something else");
  const { code, stdout, stderr } = await home.xs(["import", home.store, "./backup"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(`cas/${name}`);
  expect(stderr).toContain("nothing was imported");
  expect(await home.ok(["cat", home.store])).toBe("");
});

test("frames whose content the export lacks come in, and are counted", async () => {
  using home = withExport();
  const same = FRAMES.find(({ hash }) => hash !== null)?.hash ?? "";
  rmSync(join(home.path, "backup/cas", Buffer.from(same).toString("base64")));
  const { code, stdout, stderr } = await home.xs(["import", home.store, "./backup"]);
  const missing = FRAMES.filter(({ hash }) => hash === same).length;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ frames: COUNTS.frames, missing });
  expect(stderr).toContain(`${missing} frames have content that is not here`);
});

test("what is in a folder and in no export is named, and makes no store", async () => {
  using home = withExport();
  const refusal = async (folder: string) => {
    const { code, stdout, stderr } = await home.xs(["import", "./new", folder]);
    expect([folder, code, stdout]).toEqual([folder, 1, ""]);
    expect(stderr).not.toContain("this should not have happened");
    return stderr;
  };
  mkdirSync(join(home.path, "empty"));
  expect(await refusal("empty")).toMatch(/holds no export: an export has frames\.jsonl/);
  mkdirSync(join(home.path, "theirs/fjall"), { recursive: true });
  expect(await refusal("theirs")).toMatch(/store of cross\.stream itself.*\.export/);
  await home.makeStore(join(home.path, "ours"));
  expect(await refusal("./ours")).toMatch(/is a store: .*xs export .*ours - \| xs import/);
  expect(await refusal("./not-there")).toContain("not-there");
  expect(existsSync(join(home.path, "new"))).toBe(false);
  writeFileSync(join(home.path, "backup/notes.txt"), "mine");
  expect(await refusal("./backup")).toMatch(/backup\/notes\.txt is no part of an export/);
  rmSync(join(home.path, "backup/notes.txt"));
  writeFileSync(join(home.path, "backup/cas/README"), "mine");
  expect(await refusal("./backup")).toMatch(/backup\/cas\/README is no part of an export/);
  rmSync(join(home.path, "backup/cas/README"));
  mkdirSync(join(home.path, "backup/cas/more"));
  expect(await refusal("./backup")).toMatch(/cas\/more is a folder/);
  expect(existsSync(join(home.path, "new"))).toBe(false);
});

test("our own export, unpacked, is a folder that is imported too", async () => {
  using home = withExport();
  await home.ok(["import", home.store, "./backup"]);
  const line = `xs kv put ${home.store} k </dev/null && xs export ${home.store} a.tar &&
    mkdir x && tar xf a.tar -C x && xs import ./copy ./x && xs export ./copy - | cmp - a.tar`;
  const { code, stderr } = await home.shell(line);
  expect([code, stderr]).toEqual([0, expect.stringContaining("exported")]);
});
