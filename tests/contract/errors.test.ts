import { expect, test } from "bun:test";
import { contract, expectProblem, NO_ID, sri } from "./subject.ts";

/** What can succeed at a path, by a method that cannot. */
const ALLOW: [methods: string, ...requests: string[]][] = [
  ["GET HEAD", "POST /", "DELETE /last"],
  ["DELETE GET HEAD", "PUT /stream/TOPIC.*", "PUT /stream/stream.cross.start"],
  ["GET HEAD", "POST /ID/next", "DELETE /ID/content", "POST /first/TOPIC", "POST /cas/HASH"],
  ["GET HEAD", "PUT /kv", "PATCH /kv/stream.cross.x", "PUT /version", "POST /ps", "PUT /verify"],
  ["GET HEAD", "PUT /export", "PUT /metrics", "POST /health", "POST /ID/previous"],
  ["DELETE GET HEAD POST", "PUT /stream/TOPIC", "PUT /stream/stream.cross.handler.spawn"],
  [
    "POST",
    "PATCH /stream",
    "GET /append/TOPIC",
    "PUT /TOPIC",
    "GET /cas",
    "GET /import",
    "GET /gc",
  ],
  ["DELETE GET HEAD", "PUT /ID", "POST /ID"],
  ["DELETE GET HEAD POST", `PUT /${"a".repeat(25)}`],
  ["DELETE GET HEAD POST PUT", "PATCH /kv/TOPIC/a"],
];

contract((it) => {
  /** Fills in a frame that is there, and the name of a topic that is not. */
  const filler = async () => {
    const { id, hash } = await it.append(it.fresh(), "x");
    await it.append(it.fresh(), "y");
    const topic = it.fresh();
    return (text: string) =>
      text
        .replace("ID", id)
        .replace("HASH", hash ?? "")
        .replace("TOPIC", topic);
  };

  test("what is wrong with a path or its options is a problem document that says it", async () => {
    const fill = await filler();
    for (const [problem, ...paths] of [
      ["404 unknown_path", "/a/b", "/a/b/c", "/stream/a/b", "/version/x", "/last/a/b"],
      ["404 unknown_path /stream/eval", "/eval"],
      ["400 bad_request", "/stream/%ff", "/%zz", "/kv/%ff"],
      ["400 bad_id", "/nonsense", `/${NO_ID}x`, `/${"z".repeat(25)}`, "/x/next"],
      ["404 not_found", `/${NO_ID}`],
    ] as const) {
      for (const path of paths) await it.refuses(`GET ${path}`, problem);
    }
    await it.refuses("POST /eval", "404 unknown_path /stream/eval");
    for (const asked of [
      ...["", "stream/a", "first", "last/a", "version", "health", "ps", "kv", "kv/a", "cas/HASH"],
      ...["export", "verify", "metrics", "ID", "ID/next", "ID/previous", "ID/content"],
    ]) {
      await it.refuses(fill(`GET /${asked}?wrong=1`), "400 bad_option wrong");
    }
    for (const asked of ["stream/TOPIC", "stream", "cas", "import", "gc", "kv/TOPIC"]) {
      await it.refuses(fill(`POST /${asked}?wrong=1`), "400 bad_option wrong");
    }
    await it.refuses(fill("DELETE /ID?wrong=1"), "400 bad_option wrong");
    expect((await it.ask(fill("/ID"))).status).toBe(200);
  });

  test("Allow names what can succeed, for a wrong method and for OPTIONS", async () => {
    const fill = await filler();
    for (const [methods, ...requests] of ALLOW) {
      for (const request of requests) {
        const [wrong = "", path = ""] = fill(request).split(" ");
        for (const method of [wrong, "OPTIONS"]) {
          const response = await it.ask(path, { method });
          const allow = response.headers.get("allow")?.split(", ").sort().join(" ");
          expect([method, path, allow]).toEqual([method, path, methods]);
          await expectProblem(response, `405 method_not_allowed ${method}`);
        }
      }
    }
    for (const [problem, path] of [
      ["400 bad_topic", "/stream/9bad"],
      ["403 reserved_topic", "/append/stream.cross.start"],
      ["400 bad_hash", "/cas/sha256-x"],
      ["400 bad_id", `/${"z".repeat(26)}/next`],
    ] as const) {
      for (const method of ["PUT", "OPTIONS"]) await it.refuses(`${method} ${path}`, problem);
    }
  });

  test("HEAD works wherever GET does, with its headers and without a body", async () => {
    const fill = await filler();
    const told = ({ status, headers }: Response) => {
      // The length may be left out, the date is another, and a node may have another record meanwhile.
      const {
        date,
        "xs-record": record,
        "content-length": length,
        "transfer-encoding": _,
        ...all
      } = Object.fromEntries(headers) as Record<string, string>;
      return { length, all: { status, ...all } };
    };
    for (const asked of [
      ...["ID", "ID/next", "ID/content", "cas/HASH", "stream/TOPIC", "stream/TOPIC?follow"],
      ...["first", "last?last=1", "?limit=1", "version", "health", "ps", "metrics", "kv?prefix=-"],
      ...[NO_ID, "?limit=x", "a/b", `cas/${sri("nothing there")}`],
    ]) {
      const path = fill(`/${asked}`);
      const get = await it.ask(path);
      const head = await it.ask(path, { method: "HEAD" });
      expect([path, told(head).all]).toEqual([path, told(get).all]);
      // What is counted changes from one request to the next.
      if (asked !== "metrics") expect([undefined, told(get).length]).toContain(told(head).length);
      expect(await head.text()).toBe("");
      await get.body?.cancel();
    }
  });

  test("headers are at most 198, and 128 KiB, and what is no HTTP is refused", async () => {
    if (it.door.isInProcess) return;
    const head = "GET /health HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\nX: ";
    expect(await it.answerTo(`${head}${"x".repeat(100_000)}\r\n\r\n`)).toBe("200");
    expect(await it.answerTo(`${head}${"x".repeat(140_000)}\r\n\r\n`)).toStartWith("431");
    const many = (count: number) => `${head}x\r\n${"A: b\r\n".repeat(count)}\r\n`;
    expect(await it.answerTo(many(100))).toBe("200");
    expect(await it.answerTo(many(200))).toStartWith("431");
    expect(await it.answerTo("nonsense\r\n\r\n")).toBe("400");
  });

  test("an import that is damaged is refused, and an id far ahead of the clock", async () => {
    const tar = Buffer.alloc(1024);
    for (const [text, at] of [
      ["frames.jsonl", 0],
      ["ustar\x0000", 257],
    ] as const)
      tar.write(text, at);
    await it.refuses("POST /import", "400 bad_tar", { body: new Uint8Array(tar) });
    await it.refuses("POST /import", "400 bad_frame 1", { body: "no frame\n" });
    // A server that took the id would count on from there for ever.
    if (!it.door.own) return;
    const id = `e${"0".repeat(24)}`;
    const body = JSON.stringify({ topic: it.fresh(), id, hash: null, meta: null, ttl: "forever" });
    await it.refuses("POST /import", "400 id_ahead", { body });
  });
});
