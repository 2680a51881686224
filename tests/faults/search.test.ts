// The search on a disk that is full: it says so, and appends go on.
import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Home } from "../cli/run-xs.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";
import { missingMount, Tmpfs } from "./tmpfs.ts";

setDefaultTimeout(TEST_MS);

const missing = missingMount();
const LEFT = 600 * 1024;

const search = async (server: Server) => {
  const response = await server.fetch("/-/search?q=milk");
  return { status: response.status, text: await response.text() };
};

test.skipIf(missing !== undefined)(
  `where little room is left, a search says so, appends go on, and so does the search later${missing ? ` (${missing})` : ""}`,
  async () => {
    using disk = new Tmpfs("24m");
    using home = new Home();
    const store = join(disk.path, "store");
    const filler = join(disk.path, "filler");
    await using server = await startServer(store);
    await server.append("note", "milk");
    const fill = () => {
      const { bavail, bsize } = statfsSync(disk.path);
      writeFileSync(filler, new Uint8Array(bavail * bsize - LEFT));
    };
    fill();
    const refused = await search(server);
    expect([refused.status, refused.text]).toEqual([507, expect.stringContaining('"disk_full"')]);
    const { code, stderr } = await home.xs(["search", "-s", store, "milk"]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("disk is full")]);
    await server.append("note", "more milk");
    rmSync(filler);
    await until("both are found", async () => {
      const { text } = await search(server);
      return text.trim().split("\n").length === 2;
    });
    // What is indexed is found on a full disk too.
    fill();
    expect((await search(server)).status).toBe(200);
    await server.append("note", "milk again");
    await until("the index finds no room", async () => (await search(server)).status === 507);
    rmSync(filler);
    await until("all are found", async () => {
      const { text } = await search(server);
      return text.trim().split("\n").length === 3;
    });
  },
);
