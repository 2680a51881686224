import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MAX_PIECE, Splitter } from "../../src/api/chunk-splitter.ts";
import type { ChunkMode } from "../../src/core/chunk.ts";

/** Cuts bytes that arrive in these parts. */
function split(mode: ChunkMode, parts: readonly Uint8Array[]): string[] {
  const splitter = new Splitter(mode);
  const pieces = parts.flatMap((part) => splitter.push(part));
  const rest = splitter.end();
  return [...pieces, ...(rest ? [rest] : [])].map((piece) => Buffer.from(piece).toString("latin1"));
}

/** A text in parts, cut anywhere: in a character of several bytes, between CR and LF. */
const arrivals = (texts: fc.Arbitrary<string>) =>
  fc.tuple(texts, fc.array(fc.nat({ max: 200 }), { maxLength: 8 })).map(([text, cuts]) => {
    const bytes = Buffer.from(text);
    const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort(
      (a, b) => a - b,
    );
    const parts = edges.slice(1).map((edge, n) => bytes.subarray(edges[n], edge));
    return { bytes, parts };
  });
const text = fc
  .array(fc.constantFrom("a", "data: é\n", "\n", "\r\n", "\r", "€", "\r\n\r\n", ": ping", "\n\n"))
  .map((words) => words.join(""));

describe("a splitter", () => {
  test.each(["bytes", "lines", "sse"] as const)("loses and adds nothing: %p", (mode) => {
    fc.assert(
      fc.property(arrivals(text), ({ bytes, parts }) => {
        expect(split(mode, parts).join("")).toBe(bytes.toString("latin1"));
      }),
      { numRuns: 500 },
    );
  });

  test.each(["lines", "sse"] as const)("cuts %p at the same places however they arrive", (mode) => {
    fc.assert(
      fc.property(arrivals(text), ({ bytes, parts }) => {
        expect(split(mode, parts)).toEqual(split(mode, [bytes]));
      }),
      { numRuns: 1000 },
    );
  });

  test("keeps the end of a line with the line", () => {
    expect(split("lines", [Buffer.from("one\ntwo\r\n\nthree")])).toEqual([
      "one\n",
      "two\r\n",
      "\n",
      "three",
    ]);
  });

  test("takes an event from its first line to its empty one", () => {
    const events = ["\n\ndata: 1\n\n", ": ping\r\n\r\n", "event: x\rdata: 2\r\r", "data: cut"];
    expect(split("sse", [Buffer.from(events.join(""))])).toEqual(events);
  });

  test("gives an event as soon as its empty line is there", () => {
    const splitter = new Splitter("sse");
    expect(splitter.push(Buffer.from("data: 1\n"))).toHaveLength(0);
    expect(splitter.push(Buffer.from("\n"))).toHaveLength(1);
    expect(splitter.push(Buffer.from("data: 2\r\n\r"))).toHaveLength(0);
    expect(splitter.push(Buffer.from("\n"))).toHaveLength(1);
  });

  test.each(["bytes", "lines", "sse"] as const)("cuts what has no end: %p", (mode) => {
    const splitter = new Splitter(mode);
    const sizes: number[] = [];
    for (let n = 0; n < 100; n++) {
      for (const piece of splitter.push(Buffer.alloc(10_000, "x"))) sizes.push(piece.length);
    }
    const rest = splitter.end()?.length ?? 0;
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_PIECE);
    expect(sizes.reduce((sum, size) => sum + size, rest)).toBe(1_000_000);
  });
});
