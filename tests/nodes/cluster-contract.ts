import { describe, expect, test } from "bun:test";
import type { XsError } from "../../src/core/error.ts";
import { type Cluster, Fenced, type Journal } from "../../src/store/journal/journal.ts";
import { until, within } from "../support/wait.ts";

/** A cluster in which nothing is yet, as the suite uses it. */
export interface ClusterUnderTest {
  /** What one more node has of it. */
  join(): Promise<Cluster>;
  /** Nothing gets from this node to the rest and back, until {@link heal}. */
  cut?(cluster: Cluster): Promise<void> | void;
  heal?(cluster: Cluster): Promise<void> | void;
  /** Ends all of it. */
  close(): Promise<void>;
}

/** What only some clusters can do in a test: to `cut` a node off. */
export type ClusterFeature = "cut";

/** What every journal, with its blobs and messages, promises. */
export function clusterContract(
  name: string,
  open: () => Promise<ClusterUnderTest>,
  supports: readonly ClusterFeature[] = [],
): void {
  /** A test with two nodes. */
  const on =
    (use: (one: Cluster, other: Cluster, net: ClusterUnderTest) => Promise<void>) => async () => {
      const net = await open();
      const [one, other] = [await net.join(), await net.join()];
      try {
        await use(one, other, net);
      } finally {
        await one.close();
        await other.close();
        await net.close();
      }
    };
  const testCut = test.skipIf(!supports.includes("cut"));

  describe(`${name}: the journal`, () => {
    test(
      "has nothing at first",
      on(async ({ journal }) => {
        expect(await journal.extent()).toEqual({ first: 1, last: 0 });
        expect(await journal.get(1)).toBeUndefined();
      }),
    );

    test(
      "keeps each record at its place, for every node",
      on(async ({ journal }, { journal: other }) => {
        const places = await appendAll(journal, ["a", "b", "c"]);
        expect(places).toEqual([...new Set(places)].toSorted((one, two) => one - two));
        for (const [at, place] of places.entries()) {
          expect(textOf(await other.get(place))).toBe("abc"[at]);
        }
        expect(await other.extent()).toEqual({
          first: places[0] as number,
          last: places[2] as number,
        });
        expect(await other.get((places[2] as number) + 1)).toBeUndefined();
      }),
    );

    test(
      "takes the same bytes at the same place again, from any node and at any time",
      on(async ({ journal }, { journal: other }) => {
        const [a, b] = (await appendAll(journal, ["a", "b", "c"])) as [number, number, number];
        expect(await journal.append(0, bytesOf("a"))).toBe(a);
        expect(await other.append(a, bytesOf("b"))).toBe(b);
        expect(await textsIn(other)).toEqual(["a", "b", "c"]);
      }),
    );

    test(
      "refuses other bytes where a record is, and a place to which no record leads",
      on(async ({ journal }, { journal: other }) => {
        const [a = 0, b = 0] = await appendAll(journal, ["a", "b"]);
        for (const expected of [0, a, b + 1, b + 100]) {
          const answer = other.append(expected, bytesOf("x"));
          await expect(answer).rejects.toBeInstanceOf(Fenced);
        }
        // The same bytes at another place are another record.
        await expect(other.append(a, bytesOf("a"))).rejects.toBeInstanceOf(Fenced);
        expect(await textsIn(journal)).toEqual(["a", "b"]);
      }),
    );

    test(
      "lets one of several win each place",
      on(async ({ journal }, { journal: other }) => {
        let last = 0;
        const won: string[] = [];
        for (let round = 0; round < 10; round++) {
          const texts = Array.from({ length: 8 }, (_, n) => `${round} ${n}`);
          const answers = await Promise.allSettled(
            texts.map((text, n) => (n % 2 ? journal : other).append(last, bytesOf(text))),
          );
          const winners = answers.flatMap((answer, n) =>
            answer.status === "fulfilled" ? [{ text: texts[n] as string, at: answer.value }] : [],
          );
          expect(winners.length).toBe(1);
          for (const answer of answers) {
            if (answer.status === "rejected") expect(answer.reason).toBeInstanceOf(Fenced);
          }
          won.push(winners[0]?.text ?? "");
          last = winners[0]?.at ?? 0;
        }
        expect(await textsIn(journal)).toEqual(won);
        expect(await textsIn(other)).toEqual(won);
      }),
    );

    test(
      "is followed from any place, in order, one record at a time, and on to those to come",
      on(async ({ journal }, { journal: other }) => {
        const texts = Array.from({ length: 20 }, (_, n) => `record ${n}`);
        const places = await appendAll(journal, texts.slice(0, 10));
        const seen: [number, string][] = [];
        let under = 0;
        const following = other.follow(places[2] as number, async (place, record) => {
          expect(++under).toBe(1);
          await Bun.sleep(1);
          under--;
          seen.push([place, textOf(record) as string]);
        });
        places.push(...(await appendAll(journal, texts.slice(10), places.at(-1))));
        await until("all records", () => seen.length >= 17);
        following.stop();
        await within("the end", following.ended);
        const wanted = texts.map((text, n): [number, string] => [places[n] as number, text]);
        expect(seen).toEqual(wanted.slice(3));
      }),
    );

    test(
      "is not followed any more after a stop, also if it comes from within",
      on(async ({ journal }) => {
        const places = await appendAll(journal, ["a", "b", "c"]);
        const seen: string[] = [];
        const following = journal.follow(0, (_, record) => {
          seen.push(textOf(record) as string);
          if (seen.length === 2) following.stop();
        });
        await within("the end", following.ended);
        await appendAll(journal, ["d"], places.at(-1));
        const idle = journal.follow((places.at(-1) as number) + 1000, () => {});
        idle.stop();
        await within("the end of one that waits", idle.ended);
        expect(seen).toEqual(["a", "b"]);
      }),
    );

    test(
      "ends with what its follower throws",
      on(async ({ journal }) => {
        await appendAll(journal, ["a", "b"]);
        const seen: number[] = [];
        for (const isAsync of [true, false]) {
          const { ended } = journal.follow(0, (place) => {
            seen.push(place);
            if (isAsync) return Promise.reject(new Error("enough"));
            throw new Error("enough");
          });
          await expect(within("the end", ended)).rejects.toThrow("enough");
        }
        expect(seen.length).toBe(2);
      }),
    );

    test(
      "takes records above its limit, as one",
      on(async ({ journal }, { journal: other }) => {
        const large = randomBytes(2.5 * journal.maxRecord);
        const [a = 0] = await appendAll(journal, ["a"]);
        const place = await journal.append(a, large);
        expect(place).toBeGreaterThan(a);
        expect(await journal.append(a, large)).toBe(place);
        const differs = new Uint8Array(large);
        differs[large.length - 1] = (differs[large.length - 1] as number) ^ 1;
        await expect(other.append(a, differs)).rejects.toBeInstanceOf(Fenced);
        const [last = 0] = await appendAll(other, ["b"], place);
        expect(await journal.extent()).toEqual({ first: a, last });
        expect(isSame(await other.get(place), large)).toBe(true);
        const [one, two, three] = await recordsIn(other);
        expect([textOf(one), textOf(three)]).toEqual(["a", "b"]);
        expect(isSame(two, large)).toBe(true);
      }),
    );

    test(
      "takes a record at its limit",
      on(async ({ journal }, { journal: other }) => {
        const record = randomBytes(journal.maxRecord);
        const place = await journal.append(0, record);
        expect(isSame(await other.get(place), record)).toBe(true);
      }),
    );

    test(
      "shares no memory with its callers",
      on(async ({ journal }) => {
        const record = bytesOf("abc");
        const appended = journal.append(0, record);
        record.fill(0);
        const place = await appended;
        (await journal.get(place))?.fill(0);
        expect(textOf(await journal.get(place))).toBe("abc");
      }),
    );

    test(
      "forgets what was trimmed, and goes on behind it",
      on(async ({ journal }, { journal: other }) => {
        const places = (await appendAll(journal, ["a", "b", "c"])) as [number, number, number];
        const [a, b, c] = places;
        await journal.trim(b);
        expect(await other.extent()).toEqual({ first: c, last: c });
        expect(await other.get(b)).toBeUndefined();
        await expect(within("the end", other.follow(a, () => {}).ended)).rejects.toMatchObject({
          code: "journal_trimmed",
        });
        expect(await textsIn(other, b)).toEqual(["c"]);
        await journal.trim(c);
        expect(await other.extent()).toEqual({ first: c + 1, last: c });
        const [d = 0] = await appendAll(other, ["d"], c);
        expect(d).toBeGreaterThan(c);
        expect(await textsIn(journal, c)).toEqual(["d"]);
        await expect(other.append(0, bytesOf("x"))).rejects.toBeInstanceOf(Fenced);
      }),
    );

    testCut(
      "is out of reach for a node that is cut off, and whole for it afterwards",
      on(async (one, other, net) => {
        const seen: string[] = [];
        const following = one.journal.follow(0, (_, record) => {
          seen.push(textOf(record) as string);
        });
        const [a = 0] = await appendAll(one.journal, ["a"]);
        await until("the first record", () => seen.length === 1);
        await net.cut?.(one);
        for (const call of [
          () => one.journal.append(a, bytesOf("b")),
          () => one.journal.get(a),
          () => one.journal.extent(),
        ]) {
          expect(await codeOf(call())).toBe("journal_unreachable");
        }
        expect(await textsIn(other.journal)).toEqual(["a"]);
        await net.heal?.(one);
        const b = await one.journal.append(a, bytesOf("b"));
        await appendAll(other.journal, ["c", "d"], b);
        await until("the others", () => seen.length === 4);
        expect(seen).toEqual(["a", "b", "c", "d"]);
        following.stop();
      }),
    );

    testCut(
      "goes on without a node that is cut off, which then meets a fence",
      on(async (one, other, net) => {
        const [a = 0] = await appendAll(one.journal, ["a"]);
        await net.cut?.(one);
        const late = codeOf(one.journal.append(a, bytesOf("of one")));
        await appendAll(other.journal, ["of the other"], a);
        expect(await late).toBe("journal_unreachable");
        await net.heal?.(one);
        await expect(one.journal.append(a, bytesOf("of one"))).rejects.toBeInstanceOf(Fenced);
        expect(await textsIn(one.journal)).toEqual(["a", "of the other"]);
      }),
    );
  });

  describe(`${name}: the blobs`, () => {
    const NAME = "content/sha256-LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";

    test(
      "come back as they were put, for every node",
      on(async ({ blobs }, { blobs: other }) => {
        const large = randomBytes(3_000_000);
        await blobs.put(NAME, pieces(large, 70_000));
        expect(isSame(await bytesIn(await other.open(NAME)), large)).toBe(true);
        await blobs.put("empty", pieces(new Uint8Array(), 1));
        expect((await bytesIn(await other.open("empty"))).length).toBe(0);
        expect(await other.open("none")).toBeUndefined();
      }),
    );

    test(
      "are replaced by name, and deleted",
      on(async ({ blobs }, { blobs: other }) => {
        await blobs.put("a", pieces(bytesOf("one"), 2));
        await other.put("a", pieces(bytesOf("another"), 2));
        expect(textOf(await bytesIn(await blobs.open("a")))).toBe("another");
        await blobs.delete("a");
        expect(await other.open("a")).toBeUndefined();
        // It may have been deleted by a node whose answer was lost.
        await other.delete("a");
      }),
    );

    test(
      "are listed by prefix, with size and time",
      on(async ({ blobs }, { blobs: other }) => {
        const before = Date.now();
        for (const name of ["x/1", "x/2", "y/1"]) {
          await blobs.put(name, pieces(bytesOf(name.repeat(3)), 4));
        }
        const list = await Array.fromAsync(other.list("x/"));
        const sorted = list.toSorted((one, two) => (one.name < two.name ? -1 : 1));
        expect(sorted.map(({ name, size }) => [name, size])).toEqual([
          ["x/1", 9],
          ["x/2", 9],
        ]);
        for (const { ms } of list) expect(Math.abs(ms - before)).toBeLessThan(60_000);
        expect((await Array.fromAsync(other.list(""))).length).toBe(3);
        expect(await Array.fromAsync(other.list("z"))).toEqual([]);
      }),
    );

    test(
      "stay as they were where a source fails",
      on(async ({ blobs }, { blobs: other }) => {
        await blobs.put("a", pieces(bytesOf("one"), 2));
        await expect(blobs.put("a", failing())).rejects.toThrow("the source failed");
        await expect(blobs.put("b", failing())).rejects.toThrow("the source failed");
        expect(textOf(await bytesIn(await other.open("a")))).toBe("one");
        expect(await other.open("b")).toBeUndefined();
      }),
    );

    testCut(
      "are out of reach for a node that is cut off",
      on(async (one, other, net) => {
        await one.blobs.put("a", pieces(bytesOf("one"), 2));
        await net.cut?.(one);
        expect(await codeOf(one.blobs.open("a"))).toBe("journal_unreachable");
        expect(textOf(await bytesIn(await other.blobs.open("a")))).toBe("one");
        await net.heal?.(one);
        await until("the blob again", async () => {
          const stream = await one.blobs.open("a").catch(() => undefined);
          return stream && textOf(await bytesIn(stream)) === "one";
        });
      }),
    );
  });

  describe(`${name}: the messages`, () => {
    /** Answers a body with itself behind a name. */
    const echo = (cluster: Cluster, node: string) =>
      cluster.messages.answer(node, async (body) => Buffer.concat([bytesOf(`${node}:`), body]));
    /** What a node answers. Whoever answers may not be known everywhere at once. */
    const ask = async (cluster: Cluster, node: string, text: string) =>
      textOf(
        await until(`an answer of ${node}`, () =>
          cluster.messages.ask(node, bytesOf(text), 5000).catch((error: XsError) => {
            if (error.code !== "node_unreachable") throw error;
            return undefined;
          }),
        ),
      );

    test(
      "are answered by the node with the name, whoever asks",
      on(async (one, other) => {
        echo(one, "a");
        echo(other, "b");
        for (const from of [one, other]) {
          expect(await ask(from, "a", "x")).toBe("a:x");
          expect(await ask(from, "b", "y")).toBe("b:y");
        }
        const texts = Array.from({ length: 50 }, (_, n) => `${n}`);
        const answers = await Promise.all(texts.map((text) => ask(one, "b", text)));
        expect(answers).toEqual(texts.map((text) => `b:${text}`));
      }),
    );

    test(
      "may be large, and empty",
      on(async (one, other) => {
        other.messages.answer("b", async (body) => body.toReversed());
        await ask(one, "b", "");
        const body = randomBytes(9_000_000);
        const answer = await one.messages.ask("b", body, 20_000);
        expect(isSame(answer, body.toReversed())).toBe(true);
        expect((await one.messages.ask("b", new Uint8Array(), 5000)).length).toBe(0);
      }),
    );

    test(
      "say that nobody took them",
      on(async (one, other) => {
        expect(await codeOf(one.messages.ask("b", bytesOf("x"), 5000))).toBe("node_unreachable");
        const end = echo(other, "b");
        expect(await ask(one, "b", "x")).toBe("b:x");
        end();
        await until("the end", async () => {
          const code = await codeOf(one.messages.ask("b", bytesOf("x"), 5000));
          return code === "node_unreachable";
        });
      }),
    );

    test(
      "say that nothing is known where no answer comes in time",
      on(async (one, other) => {
        const taken: string[] = [];
        const answer = Promise.withResolvers<void>();
        other.messages.answer("b", async (body) => {
          taken.push(textOf(body) as string);
          if (taken.at(-1) === "late") await answer.promise;
          return body;
        });
        expect(await ask(one, "b", "x")).toBe("x");
        const late = codeOf(one.messages.ask("b", bytesOf("late"), 300));
        await until("it is taken", () => taken.includes("late"));
        expect(await late).toBe("journal_unreachable");
        answer.resolve();
        expect(await ask(one, "b", "y")).toBe("y");
      }),
    );

    test(
      "that are told reach every node, those of one node in their order",
      on(async (one, other) => {
        const heard: string[][] = [[], []];
        const ends = [one, other].map(({ messages }, at) =>
          messages.hear((body) => heard[at]?.push(textOf(body) as string)),
        );
        await until("a node that hears", () => {
          one.messages.tell(bytesOf("begin"));
          return heard.every((texts) => texts.length > 0);
        });
        const texts = Array.from({ length: 20 }, (_, n) => `${n}`);
        for (const text of texts) one.messages.tell(bytesOf(text));
        await until("all", () => heard.every((all) => all.includes("19")));
        for (const all of heard) expect(all.filter((text) => text !== "begin")).toEqual(texts);
        ends[1]?.();
        one.messages.tell(bytesOf("to one"));
        await until("the last", () => heard[0]?.includes("to one"));
        expect(heard[1]).not.toContain("to one");
      }),
    );

    testCut(
      "get no answer for a node that is cut off",
      on(async (one, other, net) => {
        echo(other, "b");
        expect(await ask(one, "b", "x")).toBe("b:x");
        await net.cut?.(one);
        const code = await codeOf(one.messages.ask("b", bytesOf("x"), 300));
        expect(code).toBe("journal_unreachable");
        await net.heal?.(one);
        expect(await until("an answer", () => ask(one, "b", "y").catch(() => undefined))).toBe(
          "b:y",
        );
      }),
    );
  });
}

/** Appends texts one behind the other. Returns their positions. */
export async function appendAll(
  journal: Journal,
  texts: readonly string[],
  after = 0,
): Promise<number[]> {
  const places: number[] = [];
  for (const text of texts) {
    places.push(await journal.append(places.at(-1) ?? after, bytesOf(text)));
  }
  return places;
}

/** The records behind a position, up to the last. */
export async function recordsIn(journal: Journal, after = 0): Promise<Uint8Array[]> {
  const { last } = await journal.extent();
  const records: Uint8Array[] = [];
  if (last <= after) return records;
  const following = journal.follow(after, (place, record) => {
    records.push(record);
    if (place >= last) following.stop();
  });
  await within("the records", following.ended);
  return records;
}

export async function textsIn(journal: Journal, after = 0): Promise<(string | undefined)[]> {
  return (await recordsIn(journal, after)).map(textOf);
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

/** Whether bytes are the same; a failed comparison of large ones would fill the screen. */
function isSame(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.compare(one, other) === 0;
}

function randomBytes(size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.floor(size));
  for (let at = 0; at < bytes.length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield bytesOf("some");
  throw new Error("the source failed");
}

async function bytesIn(stream: ReadableStream<Uint8Array> | undefined): Promise<Uint8Array> {
  if (!stream) throw new Error("there is no blob");
  return new Uint8Array(await within("the blob", new Response(stream).arrayBuffer()));
}

/** The code with which something fails. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  const failure = await within("a failure", promise).then(
    () => ({ code: "none: it succeeded" }),
    (error: XsError) => error,
  );
  return failure.code;
}
