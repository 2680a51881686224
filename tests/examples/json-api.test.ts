import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Site } from "../gateway/site.ts";
import { tempDirectory } from "../support/server.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SCRIPT = Bun.file(join(import.meta.dir, "../../examples/json-api/notes.nu"));

test("notes are added, listed and removed, and stay over a kill", async () => {
  using home = tempDirectory();
  const store = join(home.path, "store");
  const ask = async (site: Site, path: string, ...args: string[]) => {
    const { status, text, headers } = await site.curl(path, ...args);
    if (status !== 204) expect(headers["content-type"]).toBe("application/json");
    return [status, text && JSON.parse(text)];
  };
  {
    await using site = await Site.open([], ":0", store);
    await site.spawn("notes", SCRIPT);
    expect(await ask(site, "/notes")).toEqual([200, []]);
    expect(await ask(site, "/notes", "-d", '{"text":"milk"}')).toEqual([
      201,
      { id: 1, text: "milk" },
    ]);
    expect(await ask(site, "/notes", "-d", '{"text":"ü→"}')).toEqual([201, { id: 2, text: "ü→" }]);
    for (const body of ["{", "", "[]", '{"text":1}', "\u0001"]) {
      expect([body, (await ask(site, "/notes", "-d", body))[0]]).toEqual([body, 400]);
    }
    expect(await ask(site, "/notes/1")).toEqual([200, { id: 1, text: "milk" }]);
    expect(await ask(site, "/notes/1", "-X", "DELETE")).toEqual([204, ""]);
    for (const path of ["/notes/1", "/notes/x", "/notes/99999999999999999999", "/", "/x/y/z"]) {
      expect([path, (await ask(site, path))[0]]).toEqual([path, 404]);
    }
    expect((await ask(site, "/notes/2", "-X", "PUT"))[0]).toBe(405);
    await site.server.stop("SIGKILL");
  }
  await using site = await Site.open([], ":0", store);
  expect(await ask(site, "/notes")).toEqual([200, [{ id: 2, text: "ü→" }]]);
  expect((await site.frames("notes.added")).map(({ meta }) => meta)).toMatchObject([
    { text: "milk" },
    { text: "ü→" },
  ]);
  expect((await site.frames("notes.removed")).map(({ meta }) => meta)).toMatchObject([{ id: 1 }]);
});
