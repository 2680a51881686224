import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Sends a request with so many headers, and gives all that comes back. */
function said(to: { path: string } | { port: number }, path: string, headers: readonly string[]) {
  const text = [`GET ${path} HTTP/1.1`, ...headers, "", ""].join("\r\n");
  return new Promise<string>((resolve, reject) => {
    let all = "";
    const socket = createConnection(to, () => void socket.write(text));
    socket.on("data", (bytes) => {
      all += bytes.toString("latin1");
      socket.end();
    });
    socket.on("close", () => resolve(all));
    socket.on("error", reject);
  });
}

test("a request may have 198 headers, at every door; one with more gets an empty 431", async () => {
  using home = tempDirectory();
  const store = join(home.path, "store");
  await using server = await startServer(store, { args: ["--expose", ":0", "--http", ":0"] });
  const token = readFileSync(join(store, "token"), "utf8").trim();
  const portOf = async (door: "expose" | "http") =>
    Number((await server.listensAt(door)).split(":").at(-1));
  const exposed = await portOf("expose");
  const doors = [
    [{ path: server.unix }, "/version", ["Host: xs"], 200],
    [
      { port: exposed },
      "/version",
      [`Host: 127.0.0.1:${exposed}`, `Authorization: Bearer ${token}`],
      200,
    ],
    [{ port: await portOf("http") }, "/", ["Host: site"], 503],
  ] as const;
  for (const [to, path, head, status] of doors) {
    for (const [count, expected] of [
      [198, status],
      [199, 431],
      [1000, 431],
    ] as const) {
      const more = Array.from({ length: count - head.length }, (_, n) => `x-${n}: y`);
      const answer = await said(to, path, [...head, ...more]);
      expect([to, count, answer.split("\r\n")[0]]).toEqual([
        to,
        count,
        expect.stringContaining(`HTTP/1.1 ${expected}`),
      ]);
      if (expected === 431) expect(answer.split("\r\n\r\n")[1] ?? "").toBe("");
    }
    // The others are served as before.
    expect(await said(to, path, head)).toContain(`HTTP/1.1 ${status}`);
  }
});
