// Which word of a command line is an address, and which never is.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** A home whose commands find the store by themselves, as `./store`. */
async function withStore(): Promise<Home> {
  const home = new Home();
  await home.makeStore(join(home.path, "store"));
  return home;
}

test("a bare word is a topic or a key, also with a slash in the middle, and makes no folder", async () => {
  using home = await withStore();
  await home.ok(["append", "note", "hello"]);
  await home.ok(["kv", "put", "views/count", "3"]);
  expect(await home.ok(["kv", "get", "views/count"])).toBe("3");
  expect(await home.ok(["kv", "list", "views/"])).toContain('"views/count"');
  expect(await home.topics("./store")).toEqual(["note"]);
  expect(readdirSync(home.path)).toEqual(["store"]);
});

test("-s and --store name the store of every command, in any spelling, and leave no other word an address", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await server.append("note");
  for (const address of ["its-store", "./its-store", home.store, "~/its-store", server.unix]) {
    for (const args of [
      ["-s", address],
      [`-s${address}`],
      ["--store", address],
      [`--store=${address}`],
    ]) {
      expect([args, await home.ok(["last", ...args, "note"])]).toEqual([
        args,
        expect.stringContaining('"topic":"note"'),
      ]);
    }
  }
  const at = ["-s", "its-store"];
  const { id, hash } = JSON.parse(await home.ok(["append", "note", "hello", ...at]));
  expect(await home.ok(["cat", ...at, "--topic", "note"])).toContain(id);
  expect(await home.ok(["tac", ...at])).toContain(id);
  expect(await home.ok(["get", id, ...at])).toContain(id);
  expect(await home.ok(["previous", ...at, id])).toContain('"topic":"note"');
  expect(await home.ok(["first", ...at, "note", "1"])).toContain('"topic":"note"');
  expect(await home.ok(["content", ...at, id])).toBe("hello");
  expect(await home.ok(["cas", ...at, hash])).toBe("hello");
  expect(await home.ok(["cas-post", ...at], { stdin: "hello" })).toBe(`${hash}\n`);
  expect(await home.ok(["ps", ...at])).toBe("");
  expect(await home.ok(["gc", ...at])).toContain("{");
  expect(await home.ok(["version", ...at])).toBe(await home.ok(["version"]));
  await home.ok(["verify", ...at]);
  await home.ok(["export", "copy.tar", ...at]);
  expect(await home.ok(["import", "copy.tar", "--store", "other"])).toContain("frames");
  expect(await home.ok(["eval", ...at, "-c", `export default (xs) => xs.get('${id}')`])).toContain(
    id,
  );
  await Bun.write(join(home.path, "echo.ts"), "export default (frame) => ({ out: frame.id });");
  expect(await home.ok(["handler", "try", ...at, "echo.ts"])).toContain(id);
  await home.ok(["remove", ...at, id]);
  for (const key of ["./a", "/b", "~c", "user:1", "http://d"]) {
    await home.ok(["kv", "put", ...at, key, "value"]);
    expect([key, await home.ok(["kv", "get", key, ...at])]).toEqual([key, "value"]);
    expect(await home.ok(["kv", "list", ...at, key])).toContain(JSON.stringify(key));
    await home.ok(["kv", "delete", ...at, key]);
  }
  const both = await home.xs(["cat", ...at, "./its-store"]);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("./its-store")]);
  const empty = await home.xs(["cat", "-s", ""]);
  expect([empty.code, empty.stderr]).toEqual([2, expect.stringContaining("--store")]);
  const twice = await home.xs(["cat", ...at, "--store", "its-store"]);
  expect([twice.code, twice.stderr]).toEqual([2, expect.stringContaining("twice")]);
});

test("serve takes its path as a bare word, and as -s", async () => {
  using home = await withStore();
  await using _one = await startServer(home.store);
  for (const args of [["its-store"], ["-s", "its-store"]]) {
    const { code, stderr } = await home.xs(["serve", ...args]);
    expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining("served already")]);
  }
  const both = await home.xs(["serve", "-s", "its-store", "./its-store"]);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("one store")]);
});

test("a key that looks like an address stands behind --, or beside -s", async () => {
  using home = await withStore();
  for (const key of ["./a", "/b/c", "~d", ".e", "user:1"]) {
    expect(await home.ok(["kv", "put", "--", key, "value"])).toContain(JSON.stringify(key));
    expect(await home.ok(["kv", "get", "--", key])).toBe("value");
    expect(await home.ok(["kv", "get", "./store", key])).toBe("value");
    expect(await home.ok(["kv", "list", "--", key])).toContain(JSON.stringify(key));
    await home.ok(["kv", "delete", "./store", key]);
    const alone = await home.xs(["kv", "get", key]);
    expect([key, alone.code]).toEqual([key, 2]);
    expect(alone.stderr).toContain("KEY is missing");
    // The shell would look for the home of a user.
    expect(alone.stderr).toContain(`-- ${key.startsWith("~") ? `'${key}'` : key}`);
  }
  expect(readdirSync(home.path)).toEqual(["store"]);
});

test("only the first word is looked at: a later one is a topic, a key or content", async () => {
  using home = await withStore();
  const { id } = JSON.parse(await home.ok(["append", "note", "./store"]));
  expect(await home.ok(["content", id])).toBe("./store");
  await home.ok(["kv", "put", "k", "/etc/passwd"]);
  expect(await home.ok(["kv", "get", "k"])).toBe("/etc/passwd");
  const { code, stderr } = await home.xs(["last", "note", "./store"]);
  expect([code, stderr]).toEqual([2, expect.stringContaining("too many arguments: ./store")]);
});

test("where a file may follow, one word is the address of a store or socket, else the file", async () => {
  using home = await withStore();
  const line = await home.ok(["append", "note"]);
  await using server = await startServer(home.store, { args: ["--expose", "./other-sock"] });
  for (const address of [
    "./store",
    home.store,
    server.unix,
    "./its-store/sock",
    "./its-store/../other-sock",
  ]) {
    if (address.includes("other") && !existsSync(join(home.path, "other-sock"))) continue;
    expect([address, await home.ok(["import", address], { stdin: line })]).toEqual([address, line]);
  }
  // Nothing is there, and nothing comes on stdin: it was meant as a file, and no store comes of it.
  for (const word of ["./new", "./new.tar", "new", "~/new", join(home.path, "new")]) {
    const stdin = /^new|tar/.test(word) ? line : "";
    const { code, stdout, stderr } = await home.xs(["import", word], { stdin });
    expect([word, code, stdout]).toEqual([word, 1, ""]);
    expect(stderr).toMatch(/there is no \S*new/);
    if (word === "./new") expect(stderr).toContain("xs import ./new -");
  }
  expect(existsSync(join(home.path, "new"))).toBe(false);
  mkdirSync(join(home.path, "empty"));
  const empty = await home.xs(["import", "./empty"]);
  expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining("holds no export")]);
  // What comes on stdin can only be meant for a new store.
  for (const args of [["./new", "-"], ["./new"], ["./newer"], ["~/newest"], ["./empty"]]) {
    expect([args, await home.ok(["import", ...args], { stdin: line })]).toEqual([args, line]);
  }
  await home.ok(["export", "./new.tar"]);
  expect(await home.ok(["import", "./new.tar"])).toContain('"frames"');
  const missing = await home.xs(["export", "./store"]);
  expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("FILE")]);
  await Bun.write(join(home.path, "script.ts"), "export default () => 'ran';");
  for (const word of ["script.ts", "./script.ts", join(home.path, "script.ts")]) {
    expect(await home.ok(["eval", word])).toBe("ran\n");
    expect(await home.ok(["eval", "./store", word])).toBe("ran\n");
  }
  const none = await home.xs(["eval", "./store"], { stdin: "export default () => 1" });
  expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("FILE is missing")]);
});

test("a bare word that names a folder is answered with ./word", async () => {
  using home = await withStore();
  await home.makeStore(join(home.path, "mystore"));
  mkdirSync(join(home.path, "docs"));
  writeFileSync(join(home.path, "docs/letter.txt"), "mine");
  const id = "03hadtdyn9s2dxl5soli9q9dz";
  for (const [code, args] of [
    [2, ["cat", "mystore"]],
    [2, ["cat", "docs"]],
    [2, ["tac", "mystore"]],
    [2, ["ps", "mystore"]],
    [2, ["gc", "mystore"]],
    [2, ["verify", "mystore"]],
    [2, ["version", "mystore"]],
    [2, ["get", "mystore"]],
    [2, ["get", "mystore", id]],
    [2, ["remove", "mystore", id]],
    [2, ["append", "mystore", "note", "more"]],
    [2, ["kv", "get", "mystore", "k"]],
    [1, ["kv", "get", "mystore"]],
    [2, ["kv", "put", "mystore", "k", "v"]],
    [1, ["last", "mystore"]],
    [2, ["last", "mystore", "note"]],
    [2, ["export", "mystore"]],
    [2, ["export", "mystore", "-"]],
    [1, ["import", "mystore"]],
    [2, ["eval", "mystore"]],
    [2, ["eval", "mystore", "-c", "export default () => 1"]],
  ] as const) {
    const run = await home.xs(args);
    expect([args, run.code, run.stdout]).toEqual([args, code, ""]);
    expect([args, run.stderr]).toEqual([
      args,
      expect.stringContaining(`./${args.includes("docs" as never) ? "docs" : "mystore"}`),
    ]);
    expect(run.stderr).not.toContain("should not have happened");
  }
  // What also makes sense without the folder is done, with a word on stderr where a store may be there.
  for (const args of [
    ["append", "mystore", "note"],
    ["kv", "put", "mystore", "note"],
    ["kv", "list", "mystore"],
  ]) {
    const run = await home.xs(args);
    expect([args, run.code]).toEqual([args, 0]);
    expect(run.stderr).toContain("./mystore");
  }
  expect(await home.topics("./mystore")).toEqual([]);
  for (const args of [
    ["serve", "mystore", "mystore"],
    ["completions", "mystore"],
  ]) {
    expect((await home.xs(args)).stderr).not.toContain("./mystore");
  }
  const quiet = await home.xs(["append", "docs", "a note"]);
  expect([quiet.code, quiet.stderr]).toEqual([0, ""]);
});

test("a store that a command makes is named on stderr, and stdout stays as it is", async () => {
  using home = new Home();
  const made = async (args: string[], store: string, stdin = "") => {
    const { code, stdout, stderr } = await home.xs(args, { stdin });
    expect([args, code, stderr]).toEqual([
      args,
      0,
      expect.stringContaining(`made a new store at ${store}`),
    ]);
    const again = await home.xs(args, { stdin });
    expect(again.stderr).not.toContain("new store");
    return stdout;
  };
  const at = (name: string) => join(home.path, name);
  expect(JSON.parse(await made(["append", "./a", "note", "x"], at("a")))).toMatchObject({
    topic: "note",
  });
  await made(["cas-post", "./b"], at("b"), "x");
  await made(["kv", "put", "-s", "c", "k", "v"], at("c"));
  const line = await home.ok(["get", "./a", JSON.parse(await home.ok(["last", "./a"])).id]);
  expect(await made(["import", "./d", "-"], at("d"), line)).toBe(line);
  await made(["eval", "./e", "-c", "export default (xs) => xs.append('note')"], at("e"));
  await made(["append", "note", "x"], at(".local/share/cross.stream/store"));
  await using server = await startServer(at("f"));
  expect((await home.xs(["append", "./f", "note", "x"])).stderr).toBe("");
  expect(await home.topics(server.directory)).toEqual(["note"]);
});

test("the words of the nushell module of before go where they went", async () => {
  using home = new Home();
  await home.makeStore();
  const env = { XS_ADDR: "./its-store" };
  // It wrote the address behind --, as an absolute path.
  const { id } = JSON.parse(
    await home.ok(["append", "--", home.store, "note"], { env, stdin: "hi" }),
  );
  expect(await home.ok(["content", "--", home.store, id], { env })).toBe("hi");
  expect(await home.ok(["cat", "--topic=note", "--", home.store], { env })).toContain(id);
  await home.ok(["kv", "put", "--", home.store, "k"], { env, stdin: "v" });
  expect(await home.ok(["kv", "get", "--", home.store, "k"], { env })).toBe("v");
  expect(await home.ok(["kv", "list", "--", home.store, ""], { env })).toContain('"k"');
  const line = await home.ok(["get", "--", home.store, id], { env });
  expect(await home.ok(["import", "--", home.store], { env, stdin: line })).toBe(line);
});

test("an address that leads to no store, and may be meant as a key, is answered with --", async () => {
  using home = await withStore();
  for (const args of [
    ["kv", "get", "./a", "k"],
    ["kv", "list", ".cache/"],
    ["kv", "delete", "/a/b", "k"],
    ["kv", "put", "localhost:1", "hello"],
  ]) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    expect(stderr).toContain(`write  -- ${args[2]}`);
  }
  const topic = await home.xs(["append", "./store"]);
  expect([topic.code, topic.stderr]).toEqual([
    2,
    expect.stringContaining("./store is the address"),
  ]);
  for (const verb of [["append"], ["kv", "get"], ["get"]]) {
    const { code, stderr } = await home.xs([...verb, "user:SECRETTOKEN@localhost:1"]);
    expect([verb, code]).toEqual([verb, 2]);
    expect(stderr).not.toContain("SECRET");
  }
});

test("a port that is none is named where the command fails", async () => {
  using home = new Home();
  for (const args of [
    ["append", ":x", "note", "hi"],
    ["append", "localhost:30x1", "note", "hi"],
    ["last", "a:b"],
    ["cat", ":http"],
    ["append", "a:b", "hi"],
  ]) {
    const { code, stderr } = await home.xs(args);
    expect([args, code, stderr]).toEqual([
      args,
      2,
      expect.stringContaining("a port is digits, as in :3021"),
    ]);
  }
  // A word behind -- and a key are no addresses.
  const { stderr } = await home.xs(["kv", "get", "-s", "./none", "a:b"]);
  expect(stderr).not.toContain("a port");
});
