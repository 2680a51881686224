import { expect, setDefaultTimeout, test } from "bun:test";
import { parseLines, startServer } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";
import { Home } from "./run-xs.ts";

setDefaultTimeout(TEST_MS);

const UNKNOWN = "03hadtdyn9s2dxl5soli9q9dz";

/** Appends frames of these topics, and gives their ids. */
async function appended(home: Home, store: string, topics: readonly string[]): Promise<string[]> {
  const stdin = topics.map((topic) => `{"topic":"${topic}"}\n`).join("");
  return parseLines(await home.ok(["append", store, "--batch"], { stdin })).map(({ id }) => id);
}

test.each([
  ["with a server", true],
  ["without one", false],
])("several frames are removed, by ids, and from stdin as ids or frames: %s", async (_, served) => {
  using home = new Home();
  const { store } = home;
  const topics = ["a", "b", "c", "d", "e", "f", "g", "g"];
  const [a = "", b = "", c = "", d = "", e = ""] = await appended(home, store, topics);
  await using _server = served ? await startServer(store) : undefined;
  await home.ok(["remove", store, a, b.toUpperCase(), UNKNOWN, a]);
  expect(await home.topics(store)).toEqual(["c", "d", "e", "f", "g", "g"]);
  await home.ok(["remove", store, "-"], { stdin: `${c}\n\n  ${d}\r\n` });
  // The name of a folder may be the first of several words, and $XS_ADDR leaves it out.
  await home.ok(["remove", "./its-store", e, UNKNOWN]);
  expect(await home.topics(store)).toEqual(["f", "g", "g"]);
  const piped = await home.shell(`xs cat "${store}" --topic g | xs remove -`, {
    env: { XS_ADDR: store },
  });
  expect(piped).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(await home.topics(store)).toEqual(["f"]);
  await home.ok(["remove", store, "-"]);
});

test("where one is no id nothing is removed, and it is named", async () => {
  using home = new Home();
  const { store } = home;
  const [a = "", b = ""] = await appended(home, store, ["a", "b"]);
  for (const args of [
    [a, "nope"],
    ["nope", a],
    ["./nope-no-store", "nope"],
    [a, "-"],
    ["-", "-"],
  ]) {
    const { code, stderr } = await home.xs(["remove", store, ...args]);
    expect([args, code]).toEqual([args, 2]);
    expect(stderr).toMatch(/nope|stands alone/);
  }
  for (const [stdin, named] of [
    [`${a}\nnope\n`, '"nope" is neither an id nor a frame'],
    [`{"id":"${a}"}\n{"topic":"x"}\n{broken\n[]\n`, "are neither"],
    [`${a}\n${"x\n".repeat(1000)}`, "and 990 more are neither"],
  ] as const) {
    const { code, stdout, stderr } = await home.xs(["remove", store, "-"], { stdin });
    expect([stdin, code, stdout]).toEqual([stdin, 1, ""]);
    expect(stderr).toContain(named);
    expect(stderr).toContain("nothing was removed");
  }
  expect(await home.topics(store)).toEqual(["a", "b"]);
  expect((await home.xs(["remove", store])).code).toBe(2);
  await home.ok(["remove", store, b]);
});

test("many are removed at once", async () => {
  using home = new Home();
  const ids = await appended(
    home,
    home.store,
    Array.from({ length: 2500 }, () => "n"),
  );
  await home.ok(["remove", home.store, "-"], { stdin: ids.slice(1).join("\n") });
  expect(await home.topics(home.store)).toEqual(["n"]);
});
