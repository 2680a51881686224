import { expect, test } from "bun:test";
import { preferred } from "../../src/api/accept.ts";
import { Subject } from "./with-store.ts";

const EVENTS = "text/event-stream";
const LINES = "application/x-ndjson";

/** What an Accept means for a read. RFC 9110, 12.5.1. */
const CASES: [accept: string, type: string][] = [
  ["text/event-stream", EVENTS],
  ["TEXT/EVENT-STREAM", EVENTS],
  ["Text/Event-Stream; Charset=UTF-8", EVENTS],
  ["text/*", EVENTS],
  ["*/*", LINES],
  ["", LINES],
  [LINES, LINES],
  ["text/event-stream;q=0", LINES],
  ["text/event-stream; q=0.000", LINES],
  ["text/event-stream;Q=0, */*", LINES],
  ["text/event-stream;q=0.1, application/x-ndjson", LINES],
  ["application/x-ndjson;q=0.1,text/event-stream;q=0.2", EVENTS],
  ["application/x-ndjson ; q=0.1 , text/event-stream ; q=0.2", EVENTS],
  ["text/event-stream, */*", EVENTS],
  ["*/*, text/event-stream", EVENTS],
  ["text/event-stream;q=0.5, */*;q=0.1", EVENTS],
  ["text/event-stream;q=0.1, */*;q=0.5", LINES],
  ["text/*;q=0.1, text/event-stream;q=0.9, application/*;q=0.5", EVENTS],
  ["application/x-ndjson, text/event-stream", EVENTS],
  // A browser that is led to the address.
  ["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", LINES],
  // What only looks like it.
  ["text/event-stream-2", LINES],
  ["x-text/event-stream", LINES],
  ['application/json;of="text/event-stream"', LINES],
  ['application/json;of="a, text/event-stream, b"', LINES],
  ["image/png", LINES],
  ["nonsense", LINES],
];

test("a read is server-sent events where the client prefers them", async () => {
  await using subject = new Subject();
  await subject.append("note");
  for (const [accept, type] of CASES) {
    const headers = { accept };
    for (const path of ["/", "/stream/note", "/last?last=1", "/kv"]) {
      const response = await subject.ask(path, { headers });
      expect([accept, path, response.headers.get("content-type")]).toEqual([accept, path, type]);
      expect((await response.text()).startsWith("id: ")).toBe(type === EVENTS && path !== "/kv");
    }
    const id = (await subject.ids())[0] ?? "";
    const resumed = await subject.ask("/", { headers: { accept, "last-event-id": id } });
    expect((await resumed.text()) === "").toBe(type === EVENTS);
  }
});

test("of offers that are wanted alike the first is taken, the last where none is named", () => {
  const offers = ["a/b", "c/d", "e/f"];
  expect(preferred(null, offers)).toBe("e/f");
  expect(preferred("*/*", offers)).toBe("e/f");
  expect(preferred("c/d, a/b", offers)).toBe("a/b");
  expect(preferred("c/*, a/*", offers)).toBe("a/b");
  expect(preferred("x/y", offers)).toBeUndefined();
  expect(preferred("*/*;q=0", offers)).toBeUndefined();
});

test("an Accept as long as a header may be is read at once", () => {
  for (const accept of [
    `${"text/event-stream;q=0.5,".repeat(5000)}x`,
    '"'.repeat(120_000),
    `a/b;${'c="\\'.repeat(30_000)}`,
    ",".repeat(120_000),
    ";".repeat(120_000),
    `${" ".repeat(120_000)}a/b`,
    `a/b;${" ".repeat(60_000)}q${" ".repeat(60_000)}=`,
  ]) {
    // Work that grew with the square of the length would last beyond the end of the test.
    expect([EVENTS, LINES, undefined]).toContain(preferred(accept, [EVENTS, LINES]));
  }
});
