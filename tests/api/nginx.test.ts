// Streams behind nginx with its defaults, which keep an answer back until it is over.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Frame } from "../../src/core/frame.ts";
import { Home } from "../cli/run-xs.ts";
import { missingNginx as missing, Nginx } from "../support/nginx.ts";
import { startServer } from "../support/server.ts";
import { LineReader, TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** A server that passes everything on, with nginx's defaults. */
function passTo(upstream: string) {
  return (listen: string) => `server { ${listen} location / { proxy_pass http://${upstream}; } }`;
}

describe.skipIf(missing !== undefined)(`behind nginx${missing ? ` (${missing})` : ""}`, () => {
  test("every stream of the API arrives while it goes on", async () => {
    using home = new Home();
    await using server = await startServer(home.store, { args: ["--expose", ":0"] });
    await using front = await Nginx.start(home.path, passTo(await server.listensAt("expose")));
    const authorization = `Bearer ${readFileSync(join(home.store, "token"), "utf8").trim()}`;
    const open = async (path: string, accept = "*/*") => {
      const response = await front.fetch(path, { headers: { authorization, accept } });
      expect([path, response.status]).toEqual([path, 200]);
      expect(response.headers.get("cache-control")).toBe("no-cache");
      return new LineReader(response.body);
    };
    await server.append("note");

    const reads = [
      await open("/?follow"),
      await open("/stream/note?follow=600000"),
      await open("/last/note?follow"),
      await open("/?follow&topic=note", "text/event-stream"),
    ];
    for (const lines of reads) await lines.through((line) => line.includes("cross.threshold"));
    for (const round of [1, 2]) {
      const { id } = await server.append("note", String(round));
      for (const lines of reads) await lines.through((line) => line.includes(`"id":"${id}"`));
    }

    const pairs = [await open("/kv?follow"), await open("/kv/views/a?follow")];
    for (const lines of pairs) await lines.through((line) => line.includes("cross.threshold"));
    await server.fetch("/kv/views/a", { method: "PUT", body: "1" });
    for (const lines of pairs) await lines.through((line) => line.includes('"key":"views/a"'));

    const source = new TransformStream<Uint8Array, Uint8Array>();
    const writer = source.writable.getWriter();
    const growing = server.fetch("/stream/log?chunked=lines", {
      method: "POST",
      body: source.readable,
    });
    await writer.write(Buffer.from("one\n"));
    const told = new LineReader((await growing).body);
    const [line = ""] = await told.take(1);
    const content = await open(`/${JSON.parse(line).id}/content`);
    expect(await content.take(1)).toEqual(["one"]);
    await writer.write(Buffer.from("two\n"));
    expect(await content.take(1)).toEqual(["two"]);
    await writer.close();
    expect(await content.rest()).toEqual([]);
    for (const lines of [...reads, ...pairs]) await lines.cancel();
  });

  test("an answer of the gateway arrives as far as it has come", async () => {
    using home = new Home();
    await using server = await startServer(home.store, { args: ["--http", ":0"] });
    await using front = await Nginx.start(home.path, passTo(await server.listensAt("http")));
    const requests = new LineReader((await server.fetch("/?follow&topic=http.request")).body);
    await requests.through((line) => line.includes("cross.threshold"));
    const page = front.fetch("/");
    const [line = ""] = await requests.take(1);
    await requests.cancel();
    const { id: request } = JSON.parse(line) as Frame;
    const send = (content: string, more: boolean, headers?: object) =>
      server.append("http.response", content, {
        "xs-meta": JSON.stringify({ request_id: request, more, ...(headers && { headers }) }),
      });
    await send("data: 1\n\n", true, { "content-type": "text/event-stream" });
    const response = await page;
    expect(response.headers.get("cache-control")).toBe("no-cache");
    const lines = new LineReader(response.body);
    expect(await lines.take(2)).toEqual(["data: 1", ""]);
    await send("data: 2\n\n", true);
    expect(await lines.take(2)).toEqual(["data: 2", ""]);
    await send("", false);
    expect(await lines.rest()).toEqual([]);
  });
});
