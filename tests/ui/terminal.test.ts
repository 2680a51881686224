import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { Pty } from "../support/pty.ts";
import { startServer, XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const linksIn = (text: string) => [...new Set(text.match(/#key=[\w-]+/g) ?? [])];

test("Enter prints another link, and Ctrl-C ends it", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using pty = new Pty(["ui", server.directory, "--no-open"], {
    cwd: home.path,
    columns: 200,
  });
  await pty.shows(/#key=[\w-]+/);
  expect(pty.output).toContain("Enter prints a link, Ctrl-C ends it");
  for (let count = 2; count <= 3; count++) {
    pty.type("\r");
    await until("another link", () => linksIn(pty.output).length === count);
  }
  pty.type("\x03");
  expect(await pty.end()).toBe(0);
});

test("in the background of a shell it goes on", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using shell = new Pty(["--norc", "--noprofile", "-i"], {
    cwd: home.path,
    columns: 200,
    command: ["bash"],
    env: { PS1: "shell> " },
  });
  await shell.shows("shell> ");
  shell.type(`${XS} ui ${server.directory} --no-open &\r`);
  await shell.shows(/#key=[\w-]+/);
  expect(shell.output).not.toContain("Enter prints a link");
  shell.type("\r\r");
  shell.type("jobs\r");
  await shell.shows(/\[1\]\S*\s+(Running|Stopped|Exit|Done)/);
  expect(shell.output).toMatch(/\[1\]\S*\s+Running/);
  const [, origin = ""] = /(http:\/\/127\.0\.0\.1:\d+)/.exec(shell.output) ?? [];
  expect((await fetch(origin)).status).toBe(200);
  const [, pid] = /\[1\] (\d+)/.exec(shell.output) ?? [];
  process.kill(Number(pid), "SIGTERM");
  await until("its end", () => !existsSync(`/proc/${pid}`));
});
