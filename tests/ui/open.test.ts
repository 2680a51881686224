import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Programs } from "../support/programs.ts";
import { startServer } from "../support/server.ts";
import { TalkingXs } from "../support/talking.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Notes what it was given, and the mode of the file and of its folder. */
const NOTES = `
cp "$1" "$AT/page.html"
stat -c '%a' "$1" "$(dirname "$1")" > "$AT/modes"
printf '%s' "$1" > "$AT/opened"`;

const CHROMIUM = `
printf '%s' $$ > "$AT/pid"
exec chromium --headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu \\
  --user-data-dir="$AT/profile" --remote-debugging-port=0 "$1" >/dev/null 2>&1`;

/** What other users see of all processes, and what root sees: command lines and environments with a text in them. */
function processesThatShow(text: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    for (const file of ["cmdline", "environ"]) {
      try {
        const path = `/proc/${pid}/${file}`;
        if (readFileSync(path, "latin1").includes(text)) found.push(path);
      } catch {
        // It ended while we looked.
      }
    }
  }
  return found;
}

function keyIn(html: string): string {
  return /#key=([\w-]{40,})/.exec(html)?.[1] ?? "";
}

browserTest("the browser gets the key in a file that only its user reads", async () => {
  using home = tempDirectory();
  using programs = new Programs();
  programs.add("xdg-open", NOTES + CHROMIUM);
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "hello from the store");
  const token = "a-token-that-no-browser-gets";
  await using it = new TalkingXs(["ui", server.directory], {
    ...programs.env(),
    XS_TOKEN: token,
  });
  try {
    const path = await programs.wrote("opened");
    expect((await programs.wrote("modes")).split("\n").slice(0, 2)).toEqual(["600", "700"]);
    const html = await programs.wrote("page.html");
    const key = keyIn(html);
    expect(key).not.toBe("");
    const port = await programs.wrote("profile/DevToolsActivePort");
    const browser = await chromium.connectOverCDP(`http://127.0.0.1:${port.split("\n")[0]}`);
    const page = await until("a page", () => browser.contexts()[0]?.pages()[0]);
    await page.getByText("hello from the store").waitFor();
    expect(new URL(page.url()).hash).toBe("");
    expect(processesThatShow(key)).toEqual([]);
    const opener = await programs.wrote("pid");
    expect(readFileSync(`/proc/${opener}/environ`, "latin1")).not.toContain(token);
    // Used, the file is gone; so is its folder.
    await until("the file to go", () => !existsSync(path));
    expect(existsSync(join(path, ".."))).toBe(false);
    expect(it.stderr).not.toContain("#key=");
    // The link works once.
    const [, origin = ""] = await it.says(/(http:\/\/127\.0\.0\.1:\d+)/);
    expect((await fetch(`${origin}/key`, { method: "POST", body: key })).status).toBe(401);
    // The browser stays when the command ends.
    expect(await it.stop("SIGINT")).toBe(0);
    expect(await page.title()).not.toBe("");
    await browser.close();
  } finally {
    process.kill(-Number(await programs.wrote("pid")), "SIGKILL");
  }
});

test("a page that never comes is said, with a link; the file goes when the command ends", async () => {
  using home = tempDirectory();
  using programs = new Programs();
  programs.add("xdg-open", NOTES);
  await using server = await startServer(`${home.path}/store`);
  await using it = new TalkingXs(["ui", server.directory], programs.env());
  const path = await programs.wrote("opened");
  const [, link = ""] = await it.says(/no browser has opened the page so far[\s\S]*#key=([\w-]+)/);
  const html = await programs.wrote("page.html");
  expect(link).not.toBe(keyIn(html));
  const [, origin = ""] = await it.says(/(http:\/\/127\.0\.0\.1:\d+)/);
  for (const key of [link, keyIn(html)]) {
    expect((await fetch(`${origin}/key`, { method: "POST", body: key })).status).toBe(200);
  }
  expect(await it.stop("SIGTERM")).toBe(0);
  expect(existsSync(path)).toBe(false);
});

const isRoot = process.getuid?.() === 0;

test.skipIf(!isRoot)(
  "another user reads neither the file nor the keys, and sees no link",
  async () => {
    using home = tempDirectory();
    using programs = new Programs();
    programs.add("xdg-open", NOTES);
    await using server = await startServer(`${home.path}/store`);
    await using it = new TalkingXs(["ui", server.directory], programs.env());
    const path = await programs.wrote("opened");
    const key = keyIn(await programs.wrote("page.html"));
    const other = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"];
    const asOther = (...command: string[]) => {
      const { exitCode, stdout } = Bun.spawnSync([...other, ...command], { cwd: "/" });
      return { exitCode, stdout: stdout.toString("latin1") };
    };
    expect(asOther("cat", path).exitCode).not.toBe(0);
    expect(asOther("ls", join(path, "..")).exitCode).not.toBe(0);
    expect(asOther("cat", `/proc/${it.pid}/environ`).exitCode).not.toBe(0);
    const seen = asOther("sh", "-c", "cat /proc/*/cmdline /proc/*/environ 2>/dev/null; true");
    expect(seen.stdout).toContain("ui");
    expect(seen.stdout).not.toContain(key);
  },
);

test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("%s ends it in order", async (signal) => {
  using home = tempDirectory();
  using programs = new Programs();
  programs.add("xdg-open", NOTES);
  await using server = await startServer(`${home.path}/store`);
  await using it = new TalkingXs(["ui", server.directory], programs.env());
  const path = await programs.wrote("opened");
  expect(await it.stop(signal)).toBe(0);
  expect(existsSync(join(path, ".."))).toBe(false);
});

test("without a browser, and with one that fails, there is a link", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  {
    using programs = new Programs();
    await using it = new TalkingXs(["ui", server.directory], programs.env(true));
    await it.says(/no browser is found here \(\$BROWSER, xdg-open\)[\s\S]*#key=[\w-]+/);
    expect(it.stderr).not.toContain("ssh -L");
  }
  using programs = new Programs();
  programs.add("xdg-open", "exit 3");
  const env = { ...programs.env(), SSH_CONNECTION: "192.0.2.1 5 192.0.2.2 22" };
  await using it = new TalkingXs(["ui", server.directory], env);
  await it.says(/xdg-open ended with 3[\s\S]*#key=[\w-]+/);
  await it.says(/ssh -L (\d+):127\.0\.0\.1:\1 /);
});

test("$BROWSER comes first: the first of it that is there, with its arguments", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  using programs = new Programs();
  programs.add("xdg-open", 'echo wrong > "$AT/opened"');
  programs.add("mine", 'printf "%s\\n" "$@" > "$AT/opened"');
  const env = { ...programs.env(), BROWSER: "none-such-browser:mine --new %s --last:other" };
  await using _ = new TalkingXs(["ui", server.directory], env);
  expect(await programs.wrote("opened")).toMatch(/^--new\n\/\S+\/open\.html\n--last\n$/);
});

test("a browser of a snap or a flatpak gets the file where it reads it", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  for (const [desktop, folder, installed] of [
    ["firefox_firefox.desktop", "snap/firefox/common", "snap/firefox"],
    [
      "org.mozilla.firefox.desktop",
      ".var/app/org.mozilla.firefox/cache",
      ".local/share/flatpak/exports/share/applications/org.mozilla.firefox.desktop",
    ],
  ] as const) {
    for (const isUsed of [true, false]) {
      using programs = new Programs();
      programs.add("xdg-settings", `echo ${desktop}`);
      programs.add("xdg-open", 'printf "%s" "$1" > "$AT/opened"');
      mkdirSync(join(programs.path, installed), { recursive: true });
      if (isUsed) mkdirSync(join(programs.path, folder), { recursive: true });
      await using it = new TalkingXs(["ui", server.directory], programs.env());
      const opened = await programs.wrote("opened");
      if (isUsed) {
        expect(opened).toStartWith(`${join(programs.path, folder)}/xs-ui-`);
        continue;
      }
      // It has not run yet: its page asks for the link that is printed.
      expect(opened).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
      await it.says(/reads no file here[\s\S]*#key=[\w-]+/);
    }
  }
});
