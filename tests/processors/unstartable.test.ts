// Scripts that the system cannot run at all: they are invalid, and what ran before them goes on.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { missingMount, Tmpfs } from "../faults/tmpfs.ts";
import { answered, ask, countOf, events, say, serving, spawn } from "../support/processors.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

test("a script that cannot be executed is invalid, with the reason, and what ran goes on", async () => {
  using home = tempDirectory();
  const file = async (name: string, text: string | Uint8Array, mode = 0o755) => {
    const path = join(home.path, name);
    await Bun.write(path, text);
    chmodSync(path, mode);
    return path;
  };
  mkdirSync(join(home.path, "folder"));
  const loop = join(home.path, "loop");
  const cases: [script: string, reason: string][] = [
    ["#!/bin/sh\r\necho hi\r\n", "CRLF"],
    ["#!/bin/sh -e\r\necho hi\n", "CRLF"],
    ["#!/usr/bin/env python3\r\nprint(1)\r\n", "CRLF"],
    ["\ufeff#!/bin/sh\necho hi\n", "byte order mark"],
    ["#!/no/such/program\n", "/no/such/program"],
    ["#!/usr/bin/env no-such-program\n", "no-such-program"],
    ["#!/usr/bin/env -S no-such-program -u\n", "no-such-program"],
    ["#!/usr/bin/env -S A=b no-such-program\n", "no-such-program"],
    ["#!/usr/bin/env sh -e\n", "env -S sh -e"],
    ["#!\necho\n", "names no program"],
    [`#!${join(home.path, "folder")}\n`, "is no program"],
    [`#!${await file("plain", "echo hi\n", 0o644)}\n`, "mode"],
    [`#!${await file("text", "echo hi\n")}\n`, "does not begin with #!"],
    [`#!${await file("dos", "#!/bin/sh\r\necho hi\n")}\n`, "CRLF"],
    [`#!${await file("gone", "#!/no/such/shell\n")}\n`, "/no/such/shell"],
    [`#!${await file("loop", `#!${loop}\n`)}\n`, "its own interpreter"],
    [`#!/${"x".repeat(300)}\n`, "too long"],
  ];
  await serving(async (server) => {
    const good = await spawn(server, "generator", "g", "#!/bin/sh\necho a\nread -r never\n", {
      duplex: true,
    });
    const handler = await spawn(server, "handler", "h", "export default () => ({ out: 1 })", {
      topics: ["ping"],
    });
    for (const [script, reason] of cases) {
      for (const [kind, name] of [
        ["generator", "g"],
        ["handler", "h"],
      ] as const) {
        const frame = await ask(server, kind, name, script);
        const { meta } = await answered(server, frame, "invalid");
        expect([script, meta.reason]).toEqual([script, expect.stringContaining(reason)]);
      }
    }
    const noScript = await ask(server, "generator", "g", "echo hi\n", { runtime: "exec" });
    expect((await answered(server, noScript, "invalid")).meta.reason).toContain("#!");
    const foreign = `\x7fELF\x02\x01\x01${"\0".repeat(9)}\x02\0\x15\0\x01${"\0".repeat(43)}`;
    for (const [program, reason] of [
      ["\x7fELF\x02\x01", "cut off"],
      [foreign, "another processor"],
    ] as const) {
      const frame = await ask(server, "generator", "g", program, { runtime: "exec" });
      expect((await answered(server, frame, "invalid")).meta.reason).toContain(reason);
    }
    expect(await events(server, good)).toEqual(["active"]);
    expect(await events(server, handler)).toEqual(["active"]);
    await say(server, "ping");
    await countOf(server, "h.out", 1);
  });
});

test("first lines that Linux takes are taken", async () => {
  using home = tempDirectory();
  const own = join(home.path, "own");
  await Bun.write(own, '#!/bin/sh\nshift 0\nexec sh "$@"\n');
  chmodSync(own, 0o755);
  await serving(async (server) => {
    const body = "\necho hi\r\n";
    for (const line of [
      "#!/bin/sh",
      "#! /bin/sh -e ",
      "#!\t/usr/bin/env\tsh",
      "#!/usr/bin/env -S A=b sh -e",
      "#!/usr/bin/env -S -i PATH=/usr/bin:/bin sh",
      `#!${own}`,
    ]) {
      const frame = await spawn(server, "generator", "g", line + body, { restart: "never" });
      await answered(server, frame, "finished");
      expect(await server.frames("/?topic=g.recv&last=1")).toMatchObject([
        { meta: { spawn_id: frame.id } },
      ]);
    }
  });
});

test.skipIf(missingMount() !== undefined)(
  "where nothing may be executed in the store, scripts with #! are invalid, and say why",
  async () => {
    using disk = new Tmpfs("32m");
    Bun.spawnSync(["mount", "-o", "remount,noexec", disk.path]);
    await using server = await startServer(join(disk.path, "store"));
    const good = await spawn(server, "generator", "g", "echo a; sleep 600", { runtime: "sh" });
    const frame = await ask(server, "generator", "g", "#!/bin/sh\necho b\n");
    expect((await answered(server, frame, "invalid")).meta.reason).toContain("noexec");
    expect(await events(server, good)).toEqual(["active"]);
  },
);
