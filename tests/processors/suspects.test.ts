import { expect, test } from "bun:test";
import { Poison } from "../../src/processors/handler/poison.ts";
import { Requests, type Taker } from "../../src/processors/lifecycle/requests.ts";

test("a frame that was with a process at three deaths in a row is what it dies of", () => {
  const poison = new Poison();
  expect(poison.died(["a", "b", "c"])).toBeUndefined();
  expect([poison.isSuspect("c"), poison.isSuspect("d"), poison.isAfter("b")]).toEqual([
    true,
    false,
    true,
  ]);
  // What was handed over before and is done is none any more.
  expect(poison.died(["b"])).toBeUndefined();
  expect(poison.died(["b"])).toBe("b");
  // Anew with the next.
  expect(poison.died(["c"])).toBeUndefined();
  expect(poison.died(["c"])).toBeUndefined();
  expect(poison.died(["c"])).toBe("c");
});

test("deaths of other frames, and such without any, are not counted together", () => {
  const poison = new Poison();
  for (const ids of [["a"], ["b"], ["b"], ["c", "d"], ["e"], []]) {
    expect(poison.died(ids)).toBeUndefined();
  }
  // It died of itself in between.
  expect(poison.died(["e"])).toBeUndefined();
  expect(poison.died(["e"])).toBe("e");
});

test("frames are handed over alone once, and nobody asks for that again", () => {
  const poison = new Poison();
  expect(poison.suspect("b")).toBe(true);
  expect(poison.suspect("b")).toBe(false);
  expect(poison.suspect("a")).toBe(false);
  expect(poison.suspect("c")).toBe(true);
});

/** Two handlers, of which the second takes what comes after the request "5". */
const ONE: Taker = { spawnId: "1", name: "one" };
const TWO: Taker = { spawnId: "2", name: "two" };

/** What a wait has come to, if it has. */
async function outcome(over: Promise<{ reasons: readonly string[] }>): Promise<unknown> {
  const nothing = new Promise((resolve) => setImmediate(() => resolve("waits")));
  return Promise.race([over.then(({ reasons }) => reasons), nothing]);
}

test("a request is over when all who took it have failed on it, whoever asks first", async () => {
  const requests = new Requests((id) => (id > "5" ? [ONE, TWO] : [ONE]));
  const early = requests.unanswered("5");
  const late = requests.unanswered("6");
  requests.failedOn("6", ONE, "boom");
  expect(await outcome(late.over)).toBe("waits");
  requests.failedOn("5", ONE, "boom");
  expect(await outcome(early.over)).toEqual(["one: boom"]);
  requests.failedOn("6", TWO, "bang");
  expect(await outcome(late.over)).toEqual(["one: boom", "two: bang"]);
  // A failure may be known before anybody asks.
  requests.failedOn("7", ONE, "boom");
  requests.failedOn("7", TWO, "bang");
  expect(await outcome(requests.unanswered("7").over)).toEqual(["one: boom", "two: bang"]);
});

test("what a handler would have handled is over when it ends; what it did is not", async () => {
  const left = new Set([ONE, TWO]);
  const requests = new Requests(() => [...left]);
  const done = requests.unanswered("1");
  const waits = requests.unanswered("2");
  left.delete(ONE);
  requests.ended(ONE, true, (id) => id === "2");
  expect([await outcome(done.over), await outcome(waits.over)]).toEqual(["waits", "waits"]);
  expect(requests.someFailed).toBe(true);
  left.delete(TWO);
  requests.ended(TWO, false, (id) => id === "2");
  // Nobody is left for either, and nobody has failed on them.
  expect([await outcome(done.over), await outcome(waits.over)]).toEqual([[], []]);
});

test("the newest thousand requests that failed are remembered", async () => {
  const requests = new Requests(() => [ONE]);
  for (let n = 0; n < 1001; n++) requests.failedOn(`${n}`, ONE, "boom");
  expect(await outcome(requests.unanswered("0").over)).toBe("waits");
  expect(await outcome(requests.unanswered("1000").over)).toEqual(["one: boom"]);
});

test("a failure counts until another spawn is active, or the name is terminated", () => {
  const requests = new Requests(() => []);
  const told = (event: string, more = {}) =>
    requests.note(
      {
        topic: `stream.cross.handler.${event}`,
        id: "1",
        hash: null,
        meta: { topic: "web", ...more },
        ttl: "forever",
      },
      (id) => (id === "r" ? "http.request" : "note"),
    );
  told("failed", { frame_id: "n" });
  told("failed");
  expect(requests.someFailed).toBe(false);
  told("failed", { frame_id: "r" });
  expect(requests.someFailed).toBe(true);
  told("active");
  expect(requests.someFailed).toBe(false);
  told("failed", { frame_id: "r" });
  told("terminate");
  expect(requests.someFailed).toBe(false);
});
