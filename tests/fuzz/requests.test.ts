// Bodies and bare bytes that no client of ours would send: no answer is an internal error, nothing of
// what is refused is kept, and the server and its store are as sound as before.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { Subject } from "../api/with-store.ts";
import { hashes, ids, metas, topics, ttls } from "../support/arbitrary.ts";
import { RawConnection, startServer } from "../support/server.ts";
import { expectSound } from "../support/store.ts";
import { makeTar } from "../support/tar.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";
import { around, aroundBytes, CASES, cases, mostly } from "./cases.ts";

setDefaultTimeout(TEST_MS * Math.ceil(CASES / 2500));

const frame = fc.record({
  topic: topics,
  id: ids,
  hash: fc.option(hashes),
  meta: metas,
  ttl: ttls,
});

test("any batch: all of it or a refusal, and nothing of that", async () => {
  await using subject = new Subject();
  const line = fc
    .record(
      { topic: topics, meta: metas, ttl: ttls, content: fc.string() },
      { requiredKeys: ["topic"] },
    )
    .map((value) => JSON.stringify(value));
  const bodies = fc.array(around(line), { maxLength: 4 }).map((lines) => lines.join("\n"));
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const before = subject.store.metrics.appends;
      const response = await subject.post("/stream", body);
      const text = await response.text();
      expect([response.status, text]).toEqual([response.status < 500 ? response.status : 0, text]);
      if (!response.ok) expect(subject.store.metrics.appends).toBe(before);
    }),
    cases(0.06),
  );
});

test("any import, a tar or lines: taken or refused", async () => {
  await using subject = new Subject();
  // Without content: a frame may be imported before its content, and a check would tell.
  const tars = fc.array(frame, { maxLength: 3 }).map((frames) => {
    const lines = frames.map((value) => `${JSON.stringify({ ...value, hash: null })}\n`).join("");
    return makeTar([
      { name: "frames.jsonl", data: lines },
      { name: "kv.jsonl", data: "" },
    ]);
  });
  const line = frame.map((value) => JSON.stringify({ ...value, hash: null }));
  const lines = fc.array(around(line), { maxLength: 3 });
  const change = aroundBytes(fc.constant(new Uint8Array(0)));
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        tars,
        lines.map((texts) => Promise.resolve(Buffer.from(texts.join("\n")))),
      ),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), change, fc.nat({ max: 600 }))),
      async (original, changes) => {
        let body: Uint8Array = await original;
        for (const [at, add, drop] of changes.slice(0, 2)) {
          const place = Math.floor(at * body.length);
          body = Buffer.concat([body.subarray(0, place), add, body.subarray(place + drop)]);
        }
        const response = await subject.post("/import", new Uint8Array(body));
        const text = await response.text();
        expect([response.status, text]).toEqual([
          response.status < 500 ? response.status : 0,
          text,
        ]);
      },
    ),
    cases(0.05),
  );
});

test("any bytes on the socket: answered or hung up on, and others are served meanwhile", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  const routes = fc.oneof(
    fc.constantFrom("GET /", "GET /?limit=2", "GET /first", "HEAD /last/a", "GET /kv?prefix=a"),
    fc.constantFrom("PUT /kv/a", "GET /kv/a", "DELETE /kv/a", "POST /cas", "POST /stream"),
    fc.constantFrom("GET /export", "GET /version", "GET /metrics", "GET /verify", "POST /gc"),
    fc.constantFrom("POST /import", "DELETE /first", "PUT /cas"),
    topics.map((topic) => `POST /stream/${topic}?ttl=last:2`),
    topics.map((topic) => `POST /${encodeURIComponent(topic)}?ttl=last:2`),
    ids.map((id) => `GET /${id}/content`),
    fc
      .tuple(fc.constantFrom("get", "PATCH", "OPTIONS"), topics)
      .map(([method, topic]) => `${method} /${topic}`),
  );
  // A following read has no end to wait for.
  const route = mostly(routes).map((text) => text.replace(/follow/g, "fellow"));
  const header = fc.oneof(
    {
      weight: 8,
      arbitrary: mostly(
        fc.constantFrom(
          "xs-meta: {}",
          "xs-expect-last: none",
          "Idempotency-Key: a",
          "If-Match: *",
          "Range: bytes=0-1",
          "Expect: 100-continue",
          "Accept: text/event-stream",
          "Upgrade: websocket",
        ),
      ),
    },
    // Beside the length that every request has, a contradiction.
    {
      weight: 1,
      arbitrary: around(fc.constantFrom("Transfer-Encoding: chunked", "Content-Length: 5")),
    },
  );
  const requests = fc
    .tuple(route, fc.array(header, { maxLength: 3 }), fc.string({ maxLength: 40 }))
    .map(([target, headers, body]) => {
      const lines = [`${target} HTTP/1.1`, "Host: x", ...headers];
      lines.push(`Content-Length: ${Buffer.byteLength(body)}`, "", body);
      return Buffer.from(lines.join("\r\n"));
    });
  const bytes = fc.oneof(
    { weight: 4, arbitrary: requests.map((buffer) => new Uint8Array(buffer)) },
    { weight: 3, arbitrary: aroundBytes(requests) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  );
  const answers = { well: 0, refused: 0 };
  let n = 0;
  await fc.assert(
    fc.asyncProperty(bytes, async (sent) => {
      using connection = await RawConnection.open(server.unix);
      connection.send(sent);
      await connection.hangUp();
      const { received } = connection;
      for (const [, status = ""] of received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)) {
        if (status.startsWith("2")) answers.well++;
        if (status.startsWith("4")) answers.refused++;
        expect(["500", "501", "502"].includes(status) ? received : "").toBe("");
      }
      if (n++ % 50 === 0) expect((await server.fetch("/health")).status).toBe(200);
    }),
    cases(0.15),
  );
  // Both kinds are many, so the bytes get past the parser of requests and do not always suit.
  expect(Math.min(answers.well, answers.refused)).toBeGreaterThan(n / 20);
  await server.append("after", "the fuzz");
  expect(await server.stop("SIGTERM")).toBe(0);
  await expectSound(server.directory);
});
