import { expect, setDefaultTimeout, test } from "bun:test";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { WITH_NU } from "../support/processors.ts";
import { startServer, XS } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

test("an address is a store directory, absolute or not, or its sock", async () => {
  using home = new Home();
  await using server = await startServer(home.store);
  await server.append("note");
  for (const address of [
    home.store,
    `${home.store}/`,
    "./its-store",
    "~/its-store",
    server.unix,
    "./its-store/sock",
  ]) {
    expect([address, await home.topics(address)]).toEqual([address, ["note"]]);
  }
});

test("the sock of a store without a server is an address as well", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note"]);
  expect(await home.topics(join(home.store, "sock"))).toEqual(["note"]);
});

test("without an address it is $XS_ADDR, else ./store, else the user's own store", async () => {
  using home = new Home();
  const here = join(home.path, "store");
  const data = join(home.path, "data");
  const own = join(home.path, ".local/share/cross.stream/store");
  const xdg = join(data, "cross.stream/store");
  const append = (topic: string, env = {}) => home.ok(["append", topic], { env });

  await append("to-home");
  await append("to-xdg", { XDG_DATA_HOME: data });
  expect(await home.topics(own)).toEqual(["to-home"]);
  expect(await home.topics(xdg)).toEqual(["to-xdg"]);

  await home.makeStore(here);
  await append("to-here", { XDG_DATA_HOME: data });
  expect(await home.topics(here)).toEqual(["to-here"]);

  await append("to-env", { XDG_DATA_HOME: data, XS_ADDR: home.store });
  expect(await home.topics(home.store)).toEqual(["to-env"]);
  expect(await home.topics(here)).toEqual(["to-here"]);
});

test("serve without a path takes the same store as the other commands", async () => {
  using home = new Home();
  await home.makeStore(join(home.path, "store"));
  await using _server = await startServer(home.store);
  const { code, stderr } = await home.xs(["serve"], { env: { XS_ADDR: home.store } });
  expect(code).toBe(1);
  expect(stderr).toContain(home.store);
});

test("./store that is no store is passed over", async () => {
  using home = new Home();
  await Bun.write(join(home.path, "store/notes.txt"), "mine");
  await home.ok(["append", "note"]);
  expect(await home.topics(join(home.path, ".local/share/cross.stream/store"))).toEqual(["note"]);
});

test("an argument that starts with a dot is the address, whatever else a command takes", async () => {
  using home = new Home();
  await home.ok(["append", "./store", "note"]);
  expect(await home.ok(["last", "./store"])).toContain('"topic":"note"');
  expect(await home.ok(["last", "note"])).toContain('"topic":"note"');
  expect(await home.ok(["last", "./store", "1"])).toContain('"topic":"note"');
  const { code, stderr } = await home.xs(["append", "./store"]);
  expect(code).toBe(2);
  expect(stderr).toContain("TOPIC");
});

test("a directory that holds something else is never made into a store", async () => {
  using home = new Home();
  await Bun.write(join(home.path, "docs/letter.txt"), "mine");
  for (const verb of ["append", "serve"]) {
    const args = verb === "append" ? [verb, "./docs", "note"] : [verb, "./docs"];
    const { code, stdout, stderr } = await home.xs(args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain("docs");
  }
  expect([...new Bun.Glob("**").scanSync({ cwd: home.path, dot: true })]).toEqual([
    "docs/letter.txt",
  ]);
});

test("an address where no server answers is exit 1, with the reason and what to do", async () => {
  using home = new Home();
  await using rude = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(rude, "listening");
  const { port } = rude.address() as AddressInfo;
  // Port 1 is nobody's.
  for (const [address, reason] of [
    [":1", "nobody listens there"],
    ["127.0.0.1:1", "nobody listens there"],
    ["http://127.0.0.1:1", "nobody listens there"],
    [`:${port}`, "the other side hung up"],
  ] as const) {
    const { code, stdout, stderr } = await home.xs(["cat", address]);
    expect([address, code, stdout]).toEqual([address, 1, ""]);
    const at = `http://127.0.0.1${/:[0-9]+$/.exec(address)}`;
    expect(stderr).toContain(`no answer from ${at} (${reason}): start a server there`);
  }
});

test("a token in the address is used, is stronger than XS_TOKEN, and stands in no message", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--expose", ":0"] });
  await server.append("note");
  const token = (await Bun.file(join(home.store, "token")).text()).trim();
  const at = await server.listensAt("expose");
  const env = { XS_TOKEN: "wrong" };
  for (const address of [
    `http://user:${token}@${at}`,
    `http://user:${token}@${at}/`,
    `HTTP://:${token}@${at}`,
    `http://${token}@${at}`,
    `http://user:%${token.charCodeAt(0).toString(16)}${token.slice(1)}@${at}`,
    `user:${token}@${at}`,
  ]) {
    expect([address, await home.ok(["last", address, "note"], { env })]).toEqual([
      address,
      expect.stringContaining('"topic":"note"'),
    ]);
    expect(await home.ok(["last"], { env: { XS_ADDR: address } })).toContain('"topic":"note"');
  }
  const script = join(home.path, "script.ts");
  await Bun.write(
    script,
    'export default async (frame, state, xs) => ({ out: (await xs.last("note")).id });',
  );
  const tried = await home.ok(["handler", "try", `http://user:${token}@${at}`, script], { env });
  expect(tried).toContain("script.out");
  for (const [address, args] of [
    ["http://user:SECRET@127.0.0.1:1", ["cat"]],
    ["user:SECRET@127.0.0.1:1", ["cat"]],
    [`http://user:SECRET@${at}`, ["cat"]],
    [`http://user:SECRET@${at}/elsewhere`, ["cat"]],
    ["http://user:SECRET@", ["cat"]],
    ["http://user:SEC/RET@127.0.0.1:1", ["cat"]],
    ["http://user:80/SECRET@127.0.0.1:1", ["cat"]],
    ["http://user:#SECRET@127.0.0.1:1", ["cat"]],
    ["http://user:SECRET@a b", ["cat"]],
    ["iroh://user:SECRET@node", ["cat"]],
    [`http://user:SECRET@${at}`, ["serve"]],
    ["user:SECRET@127.0.0.1", ["serve"]],
    ["user:SECRET@127.0.0.1", ["kv", "list"]],
    ["user:SEC/RET@127.0.0.1:1", ["cat"]],
    ["user:SEC@RET@host", ["cat"]],
    ["user:SECRET@[::1]", ["cat"]],
    ["user:SECRET@127.0.0.1:123456", ["cat"]],
    ["SECRET@localhost", ["cat"]],
    ["SECRET@[::1]", ["cat"]],
    ["SECRET@host:port", ["cat"]],
  ] as const) {
    const { code, stdout, stderr } = await home.xs([...args, address]);
    expect([address, code > 0, stdout]).toEqual([address, true, ""]);
    expect(stderr).not.toMatch(/SEC|RET/);
    expect(stderr).not.toContain("this should not have happened");
  }
});

test("a token in the address goes into the header of a bearer, and nowhere else", async () => {
  using home = new Home();
  const seen: string[] = [];
  using web = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      seen.push(`${request.url} ${JSON.stringify(request.headers)}`);
      return Response.redirect("http://localhost:1/other");
    },
  });
  const { code, stderr } = await home.xs(["cat", `http://user:SECRET@127.0.0.1:${web.port}`]);
  expect(code).toBe(1);
  expect(seen).toHaveLength(1);
  expect(seen[0]?.split("SECRET")).toHaveLength(2);
  expect(seen[0]).toContain('"authorization":"Bearer SECRET"');
  expect(stderr).not.toContain("SECRET");
});

test("a file is no store, and is left as it is", async () => {
  using home = new Home();
  const file = join(home.path, "letter");
  await Bun.write(file, "mine");
  for (const verb of [
    ["append", "./letter", "note"],
    ["serve", "./letter"],
  ]) {
    const { code, stderr } = await home.xs(verb);
    expect([verb, code]).toEqual([verb, 1]);
    expect(stderr).toContain(`${file} is a file and no store: name another`);
  }
  expect(await Bun.file(file).text()).toBe("mine");
});

test("an address with a token and no port is refused, and is no folder's name", async () => {
  using home = new Home();
  for (const address of [
    "user:SECRETTOK@127.0.0.1",
    "user:SECRETTOK@localhost",
    "user:SECRETTOK@host:abc",
    "user:SECRETTOK@host:",
    "user:SECRETTOK@host/path",
    "SECRETTOK@127.0.0.1",
  ]) {
    for (const args of [
      ["append", address, "note"],
      ["serve", address],
      ["cat", address],
    ]) {
      const { code, stdout, stderr } = await home.xs(args);
      expect([args, code, stdout]).toEqual([args, 2, ""]);
      expect(stderr).toContain("the port is missing");
      expect(stderr).not.toContain("SECRETTOK");
    }
    for (const script of [".cat", "export default (xs) => xs.last()"]) {
      const env = { ...WITH_NU, XS_ADDR: address };
      const { code, stderr } = await home.xs(["eval", "-c", script], { env });
      expect([address, code]).toEqual([address, 2]);
      expect(stderr).not.toContain("SECRETTOK");
    }
    const said = await home.shell(`xs nu > xs.nu; "$XS_NU" -n -c 'use xs.nu *; .cat'`, {
      env: { ...WITH_NU, XS: XS, XS_ADDR: address },
    });
    expect(said.code).not.toBe(0);
    expect(said.stderr).toContain("the port is missing");
    expect(said.stderr).not.toContain("SECRETTOK");
  }
  expect(readdirSync(home.path).filter((name) => name.includes("@"))).toEqual([]);
  // A folder may be called so.
  for (const name of ["./me@work", "./user:x@127.0.0.1"]) {
    await home.ok(["append", name, "note"]);
    expect(await home.topics(name)).toEqual(["note"]);
  }
});

test("a wrong token is said to be where it stood; a user without a token leaves it to XS_TOKEN", async () => {
  using home = new Home();
  await using server = await startServer(home.store, { args: ["--expose", ":0"] });
  await server.append("note");
  const token = (await Bun.file(join(home.store, "token")).text()).trim();
  const at = await server.listensAt("expose");
  const right = { XS_TOKEN: token };
  for (const [address, env, named] of [
    [`http://user:a-wrong-token-of-some-length@${at}`, right, "the token in the address is not"],
    [`user:wr%C3%B6ng@${at}`, right, "the token in the address has a character"],
    [`http://a-wrong-token-of-some-length@${at}`, right, "the token in the address is not"],
    [`http://${at}`, { XS_TOKEN: "a-wrong-token-of-some-length" }, "XS_TOKEN"],
  ] as const) {
    for (const args of [
      ["last", address],
      ["eval", address, "-c", "export default (xs) => xs.last()"],
    ]) {
      const { code, stderr } = await home.xs(args, { env });
      expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining(named)]);
      if (named !== "XS_TOKEN") expect(stderr).not.toContain("XS_TOKEN");
    }
  }
  for (const address of [`http://user@${at}`, `user@${at}`, `http://user:@${at}`]) {
    expect(await home.ok(["last", address, "note"], { env: right })).toContain('"topic":"note"');
  }
});
