import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { linesOfBytes, textLines, wholeLines } from "../../src/lib/lines.ts";

async function* inParts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

const read = async (text: string | Uint8Array, size: number, options = {}) =>
  (await Array.fromAsync(textLines(inParts(Buffer.from(text), size), options))).flat();

describe("lines", () => {
  test("are the same however they arrive", async () => {
    const texts = fc.array(fc.constantFrom("a", "é", "€", "\n", "\r\n", "\n\n", "x".repeat(600)));
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 50 }), async (words, size) => {
        const text = words.join("");
        const lines = text.split("\n");
        if (lines.at(-1) === "") lines.pop();
        expect(await read(text, size)).toEqual(lines);
        const whole = await Array.fromAsync(wholeLines(inParts(Buffer.from(text), size)));
        expect(Buffer.concat(whole).toString()).toBe(text);
        for (const piece of whole.slice(0, -1)) expect(piece.at(-1)).toBe(10);
        const bytes = whole.flatMap((piece) => [...linesOfBytes(piece)]);
        expect(bytes.map((line) => Buffer.from(line).toString())).toEqual(lines);
      }),
    );
  });

  test.each([1, 7, 100])("in parts of %i bytes: too long counts bytes, wherever", async (size) => {
    const most = 10;
    expect(await read("€€€a\n1234567890", size, { most })).toEqual(["€€€a", "1234567890"]);
    for (const text of ["ok\n€€€€\nx\n", "ok\n12345678901", `ok\n${"x".repeat(1000)}\n`]) {
      const seen: string[] = [];
      const reading = async () => {
        for await (const lines of textLines(inParts(Buffer.from(text), size), { most })) {
          seen.push(...lines);
        }
      };
      await expect(reading()).rejects.toThrow("longer than 10 bytes");
      expect(seen).toEqual(["ok"]);
    }
  });

  test("what is not UTF-8 is replaced, or refused after what stands before it", async () => {
    const bytes = Buffer.concat([Buffer.from("a\nb"), Buffer.from([0xff]), Buffer.from("\nc\n")]);
    expect(await read(bytes, 100)).toEqual(["a", "b\uFFFD", "c"]);
    const seen: string[] = [];
    const reading = async () => {
      for await (const lines of textLines(inParts(bytes, 100), { strict: true }))
        seen.push(...lines);
    };
    await expect(reading()).rejects.toThrow("not UTF-8");
    expect(seen).toEqual(["a"]);
  });

  test("a line that arrives byte by byte costs what it holds", async () => {
    const cost = async (size: number) => {
      const bytes = Buffer.alloc(size, "x");
      const start = process.cpuUsage();
      await Array.fromAsync(wholeLines(inParts(bytes, 1)));
      const { user, system } = process.cpuUsage(start);
      return (user + system) / size;
    };
    await cost(50_000);
    const small = await cost(100_000);
    const large = await cost(1_600_000);
    // Sixteen times as long: in proportion it costs the same, where it grew with the square 16 times.
    expect(large / small).toBeLessThan(8);
  });
});
