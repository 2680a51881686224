// What the system, a connection or a stranger does to a command, in words that say what to do.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { API_HEADER } from "../../src/core/http.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

/** A server that answers whatever it is asked, or before it is, with these bytes, and hangs up. */
function saying(bytes: string, atOnce = false) {
  const say = (socket: Bun.Socket) => void socket.end(bytes);
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        if (atOnce) say(socket);
      },
      data: (socket) => {
        if (!atOnce) say(socket);
      },
    },
  });
  return { at: `127.0.0.1:${server.port}`, [Symbol.dispose]: () => server.stop(true) };
}

test("an error of the system names the path that was given, and says what to do", async () => {
  using home = new Home();
  await home.ok(["append", home.store, "note"], { stdin: "x".repeat(100_000) });
  mkdirSync(join(home.path, "folder/cas"), { recursive: true });
  writeFileSync(join(home.path, "folder/frames.jsonl"), "");
  symlinkSync("nowhere", join(home.path, "folder/cas/c2hhMjU2LQ=="));
  symlinkSync("loop", join(home.path, "loop"));
  writeFileSync(join(home.path, "file"), "");
  const cases: [args: string[], said: string[]][] = [
    [["import", home.store, "./nofile"], ["there is no ./nofile: look how it is spelt"]],
    [["import", home.store, "./file/x"], ["./file/x leads through a file"]],
    [["import", home.store, "./loop"], ["./loop is a link that leads back to itself"]],
    [
      ["import", home.store, "./folder"],
      ["is a link to what is not there", "cas/c2hhMjU2LQ=="],
    ],
    [
      ["export", home.store, "./nodir/x.tar"],
      ["there is no folder ./nodir for ./nodir/x.tar: make it"],
    ],
    [["export", home.store, "./file/x.tar"], ["./file/x.tar leads through a file"]],
    [["export", home.store, `./${"x".repeat(300)}`], ["is longer than the system takes"]],
    ...(existsSync("/dev/full")
      ? [
          [
            ["export", home.store, "/dev/full"],
            ["no space left for /dev/full", "free some space"],
          ] as [string[], string[]],
        ]
      : []),
  ];
  for (const [args, said] of cases) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 1, ""]);
    for (const text of said) expect(stderr).toContain(text);
    expect(stderr).not.toMatch(/\bE[A-Z]{4,}:|\.part|should not have happened/);
  }
  expect(readdirSync(home.path).filter((name) => name.endsWith(".part"))).toEqual([]);
  if (existsSync("/dev/full")) {
    const { code, stderr } = await home.shell(`xs cat "${home.store}" > /dev/full`);
    expect([code, stderr]).toEqual([1, expect.stringContaining("free some space")]);
  }
});

test("an answer that breaks off in its body is said to, whatever was asked", async () => {
  using home = new Home();
  const head = `HTTP/1.1 200 OK\r\n${API_HEADER}: 0\r\ncontent-type: application/json\r\n`;
  for (const body of [
    "content-length: 100\r\n\r\n{}",
    "transfer-encoding: chunked\r\n\r\n5\r\n{}",
  ]) {
    using server = saying(`${head}${body}`);
    for (const args of [
      ["version", server.at],
      ["import", server.at],
      ["cas-post", server.at],
      ["kv", "get", server.at, "k", "--json"],
      ["kv", "get", server.at, "k"],
      ["append", server.at, "note"],
      ["export", server.at, "x.tar"],
      ["verify", server.at],
      ["eval", server.at, "-c", "export default (xs) => xs.last()"],
      ["eval", server.at, "-c", "export default (xs) => xs.kv.get('k')"],
      ["eval", server.at, "-c", "export default (xs) => xs.cat()"],
    ]) {
      const { code, stderr } = await home.xs(args);
      expect([args, code]).toEqual([args, 1]);
      expect([args, stderr]).toEqual([
        args,
        expect.stringContaining("the answer broke off (the other side hung up)"),
      ]);
      expect(stderr).not.toContain("verbose");
    }
  }
});

test("a port that speaks something else than HTTP is said to", async () => {
  using home = new Home();
  for (const [bytes, atOnce] of [
    ["SSH-2.0-OpenSSH_9.2\r\n", true],
    ["220 mail.example ESMTP\r\n", true],
    ["HTTP/1.1 banana\r\n\r\n", false],
  ] as const) {
    using server = saying(bytes, atOnce);
    for (const args of [
      ["last", server.at],
      ["append", server.at, "note"],
      ["version", server.at],
    ]) {
      const { code, stdout, stderr } = await home.xs(args);
      expect([args, code, stdout]).toEqual([args, 1, ""]);
      expect(stderr).toContain(`no answer from http://${server.at} (what it says is no HTTP)`);
      expect(stderr).not.toMatch(/verbose|Malformed/);
    }
  }
});

test("a server that hangs up on a request gets it once", async () => {
  using home = new Home();
  mkdirSync(home.store);
  const sock = join(home.store, "sock");
  let requests = "";
  const server = Bun.listen({
    unix: sock,
    socket: {
      data(socket, bytes) {
        requests += bytes.toString();
        socket.end();
      },
    },
  });
  try {
    for (const args of [["last"], ["append", "note", "word"], ["kv", "put", "key", "value"]]) {
      requests = "";
      const { code, stdout, stderr } = await home.xs([...args, "-s", home.store]);
      expect([args, code, stdout]).toEqual([args, 1, ""]);
      expect(stderr).toContain(`no answer from ${sock} (the other side hung up)`);
      expect([...requests.matchAll(/ HTTP\/1\.1\r\n/g)]).toHaveLength(1);
    }
  } finally {
    server.stop(true);
  }
});
