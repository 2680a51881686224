// What a newcomer meets first: the commands of README.md, on a terminal, in an empty home, and its picture.
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { Pty } from "../support/pty.ts";
import { startServer, XS } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const ROOT = join(import.meta.dir, "../..");
const README = readFileSync(join(ROOT, "README.md"), "utf8");
/** The blocks of commands, in their order. */
const BLOCKS = [...README.matchAll(/^```sh\n(.*?)^```/gms)].map(([, text = ""]) => text);
const RESULT = "200 in, 200 out";

let home: Home;
beforeEach(() => {
  home = new Home();
  mkdirSync(join(home.path, "bin"));
  symlinkSync(XS, join(home.path, "bin/xs"));
});
afterEach(() => home[Symbol.dispose]());

/** The block that has this command. */
function blockWith(command: string): string {
  const block = BLOCKS.find((text) => text.includes(command));
  if (block === undefined) throw new Error(`README.md has no ${command}`);
  return block;
}

/** Runs a command line on a terminal, as a person does, and returns what it shows. */
async function onTerminal(line: string): Promise<string> {
  const env = { PATH: `${join(home.path, "bin")}:${process.env.PATH}` };
  await using pty = new Pty(["-c", line], { cwd: home.path, command: ["bash"], env });
  const code = await pty.end();
  const shown = pty.lines.join("\n");
  if (code !== 0) throw new Error(`${line} ended with ${code}: ${shown}`);
  return shown;
}

test("the first five commands read back what was written, in an empty home and with no server", async () => {
  const lines = blockWith("xs append note 'buy milk'").trimEnd().split("\n");
  expect(lines).toHaveLength(5);
  const shown: string[] = [];
  for (const line of lines) shown.push(await onTerminal(line));
  const [first, second, all, last, long] = shown;
  expect(first).toContain(join(home.path, ".local/share/cross.stream/store"));
  expect(second).not.toContain("made");
  const times = /^\d\d:\d\d:\d\d(?= )/gm;
  const plain = (text = "") => text.trimEnd().replaceAll(times, "00:00:00");
  // README shows what `xs cat` shows.
  const example = /^```\n(\d\d:.*?)^```/ms.exec(README)?.[1];
  expect(plain(all)).toBe(plain(example));
  expect(plain(last)).toBe("00:00:00  note          buy milk");
  for (const text of ["note", "buy milk", "time"]) expect(long).toContain(text);
});

test("the five minutes end well, each command as it stands", async () => {
  // What a desktop shows is in a file here.
  const notified = join(home.path, "shown");
  const path = `${join(home.path, "bin")}:${process.env.PATH}`;
  writeFileSync(join(home.path, "bin/notify-send"), `#!/bin/sh\necho "$1" >> '${notified}'\n`);
  chmodSync(join(home.path, "bin/notify-send"), 0o755);
  await using _server = await startServer(join(home.path, "store"), { env: { PATH: path } });
  const begin = BLOCKS.findIndex((block) => block.startsWith("xs serve ./store"));
  const commands = BLOCKS.slice(begin + 1)
    .join("")
    .replaceAll(/^xs (?:cat --follow|kv watch|ui).*\n/gm, "")
    .split(/^(?=xs |date |ls )/m);
  const shown = new Map<string, string>();
  for (const command of commands) {
    shown.set(command.split("\n", 1)[0]?.replace(/ +#.*/, "") ?? "", await onTerminal(command));
  }
  expect(shown.get("xs cat --since 2h --topic note,door")).toContain("call Ada");
  expect(shown.get("xs tac --limit 1")).toContain("listing");
  expect(shown.get("xs cat --content | jq -r '.content // empty'")).toContain("call Ada");
  expect(shown.get("xs export backup.tar && xs import ./copy backup.tar")).toContain('"added"');
  expect(shown.get("xs cat --topic counter.out --wait 2000")).toMatch(/counter\.out +\{"notes":1/);
  for (const name of ["counter", "on.remind", "disk"]) expect(shown.get("xs ps")).toContain(name);
  expect(await onTerminal("xs scheduled ./store")).toContain("remind");
  await onTerminal("xs append ./store remind 'call Bob'");
  const text = () => (existsSync(notified) ? readFileSync(notified, "utf8") : "");
  await until("the notification", () => text().endsWith("\n"));
  expect(text()).toBe("call Bob\n");
});

test("the picture shows what its script does", async () => {
  expect(svgText(readFileSync(join(ROOT, "docs/kill-9.svg"), "utf8"))).toContain(`>${RESULT}<`);
  const file = join(home.path, "picture.svg");
  const script = join(ROOT, "scripts/picture.ts");
  // It has limits of its own, and takes several seconds.
  const child = Bun.spawn([process.execPath, script, file], { stderr: "pipe" });
  const stderr = await new Response(child.stderr).text();
  expect([await child.exited, stderr]).toEqual([0, ""]);
  const drawn = svgText(readFileSync(file, "utf8"));
  expect(drawn).toContain(`>${RESULT}<`);
  expect(drawn.match(/>kill -9 /g)).toHaveLength(2);
  expect(drawn).toMatch(/> *\{"count":200,/);
});

/** Spaces as they were before they were drawn. */
function svgText(svg: string): string {
  return svg.replaceAll("\u00a0", " ");
}
