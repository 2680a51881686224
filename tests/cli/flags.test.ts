// Options that are on or off, with a value behind them.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

test("an option that is on or off takes true, yes, false and no, and means them", async () => {
  using home = new Home();
  await home.makeStore(join(home.path, "store"));
  const content = async (args: string[]) => {
    const { id } = JSON.parse(await home.ok(["append", "note", ...args], { stdin: "lost?" }));
    return await home.ok(["content", id]).catch(() => "none");
  };
  for (const off of ["--empty=no", "--empty=false", "--no-empty"]) {
    expect([off, await content([off])]).toEqual([off, "lost?"]);
  }
  expect(await content(["--empty", "--empty=no"])).toBe("lost?");
  for (const on of ["--empty", "--empty=yes", "--empty=true"]) {
    expect([on, await content([on])]).toEqual([on, "none"]);
  }
  const keys = async (...args: string[]) =>
    Object.keys(JSON.parse(await home.ok(["cat", "--last", "1", ...args])));
  expect(await keys("--with-timestamp=no")).not.toContain("timestamp");
  expect(await keys("--with-timestamp=yes")).toContain("timestamp");
  expect(await keys("--follow=no", "-f", "--no-follow")).toContain("id");
  const compacted = await home.ok(["gc", "--compact=no"]);
  expect(compacted).not.toContain("given_back");
});

test("an option that is on or off refuses every other value, and names it", async () => {
  using home = new Home();
  await home.makeStore(join(home.path, "store"));
  for (const [args, said] of [
    [["append", "note", "--empty=nope"], '--empty="nope" is neither true (yes) nor false (no)'],
    [["append", "note", "--empty="], '--empty="" is neither true (yes) nor false (no)'],
    [["cat", "--content=inline"], '--content="inline" is neither'],
    [["cat", "--with-timestamp=off"], '--with-timestamp="off" is neither'],
    [["cat", "--follow=1000"], '--follow="1000" is neither'],
    [["cat", "--new=0"], '--new="0" is neither'],
    [["cat", "--no-follow=no"], "--no-follow takes no value"],
    [["gc", "--compact=never"], '--compact="never" is neither'],
    [["serve", "./store", "--paused=off"], '--paused="off" is neither'],
    [["cat", "--help=x"], "--help takes no value"],
  ] as const) {
    const { code, stdout, stderr } = await home.xs(args);
    expect([args, code, stdout]).toEqual([args, 2, ""]);
    expect([args, stderr]).toEqual([args, expect.stringContaining(said)]);
    expect(stderr).not.toContain("did you mean");
  }
  expect(await home.ok(["cat"])).toBe("");
});
