// Paths and arguments whose bytes are not UTF-8 would become others.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const isLinux = process.platform === "linux";

describe.skipIf(!isLinux)(`bytes${isLinux ? "" : " (other systems have no such names)"}:`, () => {
  test.each([
    ["a store", "xs append $'./caf\\xe9' note </dev/null", "argument 2 is not UTF-8"],
    ["a store to serve", "xs serve $'./caf\\xe9'", "argument 2 is not UTF-8"],
    ["a socket", "xs serve ./its-store --expose $'./caf\\xe9'", "argument 4 is not UTF-8"],
    ["a file", "xs export ./its-store $'caf\\xe9.tar'", "argument 3 is not UTF-8"],
    ["a key", "xs kv put ./its-store $'caf\\xe9' </dev/null", "argument 4 is not UTF-8"],
  ])("%s of other bytes is refused as wrong usage", async (_, line, said) => {
    using home = new Home();
    await home.ok(["append", "./its-store", "note"]);
    const { code, stderr } = await home.shell(line);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
    expect(readdirSync(home.path)).toEqual(["its-store"]);
  });

  test.each([
    ["XS_ADDR", "XS_ADDR=$'caf\\xe9' xs append note </dev/null", "the variable XS_ADDR"],
    ["XDG_DATA_HOME", `XDG_DATA_HOME=$'/tmp/\\xe9' xs append note </dev/null`, "XDG_DATA_HOME"],
    ["HOME", `HOME=$'/tmp/\\xe9' xs append '~/s' note </dev/null`, "the variable HOME"],
    ["here", "mkdir $'\\xe9' && cd $'\\xe9' && xs append ./s note </dev/null", "current folder"],
    [
      "here, with none",
      "mkdir $'\\xe9' && cd $'\\xe9' && xs append note </dev/null",
      "current folder",
    ],
  ])("so is a store whose path comes of them: %s", async (_, line, said) => {
    using home = new Home();
    const { code, stderr } = await home.shell(line);
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
    expect(stderr).toContain("not UTF-8");
    expect((await home.shell("find . -name events.db")).stdout).toBe("");
  });

  test("what is UTF-8 is taken, and so is a path from the root wherever one is", async () => {
    using home = new Home();
    const there = "mkdir -p $'\\xe9' && cd $'\\xe9'";
    const line = `${there} && xs append "$HOME/käse�" note </dev/null && xs cat ../käse�`;
    const { code, stderr } = await home.shell(line);
    expect([code, stderr]).toEqual([2, expect.stringContaining("current folder")]);
    expect(await home.topics(`${home.path}/käse�`)).toEqual(["note"]);
    expect(await home.ok(["append", "./käse�", "note", "--meta", '"�"'])).toContain('"meta":"�"');
  });
});
