import { expect, setDefaultTimeout, test } from "bun:test";
import { startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

test("k/v pairs are put, read, listed and deleted, with a server and without", async () => {
  using home = new Home();
  const use = async (address: string) => {
    const put = await home.ok(["kv", "put", address, "views/count"], { stdin: "3\n" });
    expect(JSON.parse(put)).toMatchObject({ key: "views/count", size: 2 });
    expect(await home.ok(["kv", "get", address, "views/count"])).toBe("3\n");
    const bytes = Uint8Array.of(0, 255, 10);
    await home.ok(["kv", "put", address, "..b"], { stdin: bytes });
    expect((await home.xs(["kv", "get", address, "..b"])).bytes).toEqual(bytes);
    const list = await home.ok(["kv", "list", address]);
    expect(
      list
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { key: "..b", type: "application/octet-stream" },
      { key: "views/count", type: "text/plain; charset=utf-8" },
    ]);
    expect(await home.ok(["kv", "list", address, "views/"])).toContain("views/count");
    const { rev } = JSON.parse(put) as { rev: string };
    const again = await home.xs(["kv", "put", address, "views/count", "--if-none-match", "*"]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining(rev)]);
    await home.ok(["kv", "put", address, "views/count", "--if-match", rev], { stdin: "4" });
    await home.ok(["kv", "delete", address, "views/count"]);
    await home.ok(["kv", "delete", address, "..b"]);
    const gone = await home.xs(["kv", "get", address, "views/count"]);
    expect([gone.code, gone.stdout]).toEqual([1, ""]);
  };
  await use(home.store);
  await using server = await startServer(home.store);
  await use(server.directory);
});

test("a value is text only where it is UTF-8 without NUL", async () => {
  using home = new Home();
  for (const [bytes, type] of [
    ["h\u00e9\n", "text/plain; charset=utf-8"],
    ["a\0b", "application/octet-stream"],
    [Uint8Array.of(0x61, 0xe2, 0x82), "application/octet-stream"],
    [Uint8Array.of(0xc0, 0xaf), "application/octet-stream"],
  ] as const) {
    const put = await home.ok(["kv", "put", home.store, "k"], { stdin: bytes });
    expect([bytes, JSON.parse(put).type]).toEqual([bytes, type]);
  }
});

test("a media type of JSON is known in capitals as well", async () => {
  using home = new Home();
  await home.ok(["kv", "put", home.store, "k", "--type", "Application/JSON"], { stdin: "[1]" });
  expect(JSON.parse(await home.ok(["kv", "get", home.store, "k", "--json"]))).toMatchObject({
    value: [1],
  });
  const script = "export default async (xs) => (await xs.kv.get('k')).length";
  expect(await home.ok(["eval", home.store, "-c", script])).toBe("1\n");
});

test("a lone prefix with a slash is no address", async () => {
  using home = new Home();
  const env = { XS_ADDR: home.store };
  await home.ok(["kv", "put", "views/a"], { env, stdin: "1" });
  expect(await home.ok(["kv", "list", "views/"], { env })).toContain('"views/a"');
  expect(await home.ok(["kv", "list", home.store])).toContain('"views/a"');
});

test("kv watch follows a prefix, and needs a server", async () => {
  using home = new Home();
  await home.ok(["kv", "put", home.store, "views/a"], { stdin: "1" });
  const none = await home.xs(["kv", "watch", home.store, "views/"]);
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("xs serve")]);
  await using server = await startServer(home.store);
  await using watch = home.start(["kv", "watch", server.directory, "views/"]);
  expect(JSON.parse((await watch.lines.next()) ?? "")).toMatchObject({ value: "1" });
  expect(await watch.lines.next()).toContain("stream.cross.threshold");
  await home.ok(["kv", "put", server.directory, "other"], { stdin: "x" });
  await home.ok(["kv", "put", server.directory, "views/b"], { stdin: "2" });
  expect(JSON.parse((await watch.lines.next()) ?? "")).toMatchObject({ key: "views/b" });
});

test("wrong keys and values are named, with the right exit code", async () => {
  using home = new Home();
  const fails = async (args: string[], code: number, message: string, stdin?: Uint8Array) => {
    const run = await home.xs(args, stdin && { stdin });
    expect([run.code, run.stdout]).toEqual([code, ""]);
    expect(run.stderr).toContain(message);
  };
  await fails(["kv"], 2, "kv put");
  await fails(["kv", "push"], 2, "kv push");
  await fails(["kv", "get"], 2, "KEY is missing");
  await fails(["kv", "get", home.store, "x".repeat(513)], 2, "512 bytes");
  await fails(["kv", "get", home.store, ".."], 2, "folder");
  await using server = await startServer(home.store);
  const large = new Uint8Array(1024 * 1024 + 1);
  await fails(["kv", "put", server.directory, "k"], 1, "1048576", large);
  await fails(["kv", "put", server.directory, "k"], 1, "1048576", new Uint8Array(20_000_000));
  await home.ok(["kv", "put", server.directory, "k"], { stdin: large.subarray(1) });
});

test("kv list gives every key of many", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  const count = 20_000;
  await Promise.all(
    Array.from({ length: count }, (_, n) =>
      server.fetch(`/kv/many/${n}`, { method: "PUT", body: `${n}` }),
    ),
  );
  const list = await home.ok(["kv", "list", server.directory, "many/"]);
  expect(list.trimEnd().split("\n")).toHaveLength(count);
});
