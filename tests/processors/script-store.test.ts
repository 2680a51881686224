import { expect, test } from "bun:test";
import { firstIdAt } from "../../src/core/id.ts";
import {
  answered,
  countOf,
  framesOf,
  kvText,
  say,
  sayMany,
  serving,
  spawn,
} from "../support/processors.ts";

// What a script may do with the store besides what tests/processors/handlers.test.ts has: list, remove, time.

const put = { text: "text/plain; charset=utf-8", json: "application/json" };

const LISTS: Record<string, string> = {
  ts: `export default {
    topics: ["n"], initial: 0,
    async run({ meta: { n } }, state, xs) {
      if (n === 0) {
        await xs.kv.put("v/b", "four");
        await xs.kv.put("v/a", { x: 1 });
        await xs.kv.delete("v/old");
        await xs.kv.put("w/other", 1);
      }
      const list = await Array.fromAsync(xs.kv.list("v/"));
      return { out: { list }, next: n };
    },
  }`,
  nu: `{
    topics: ["n"], initial: 0
    run: {|frame, state|
      if $frame.meta.n == 0 {
        "four" | .kv put v/b
        { x: 1 } | .kv put v/a
        .kv delete v/old
        1 | .kv put w/other
      }
      { out: { list: (.kv list v/) }, next: $frame.meta.n }
    }
  }`,
};

for (const [runtime, script] of Object.entries(LISTS)) {
  test(`a handler in ${runtime} lists entries with its uncommitted writes, in the order of the keys`, async () => {
    await serving(async (server) => {
      for (const key of ["v/old", "v/c", "v/a", "u/x"]) {
        await server.fetch(`/kv/${encodeURIComponent(key)}`, {
          method: "PUT",
          body: "12345",
          headers: { "content-type": put.text },
        });
      }
      await spawn(server, "handler", "lister", script);
      await sayMany(server, "n", 1);
      const [first] = await countOf(server, "lister.out", 1);
      expect(first?.meta.list).toEqual([
        { key: "v/a", size: 7, type: put.json },
        { key: "v/b", size: 4, type: put.text },
        { key: "v/c", rev: expect.any(String), size: 5, type: put.text },
      ]);
      await sayMany(server, "n", 1, 1);
      const [, second] = await countOf(server, "lister.out", 2);
      const { list } = second?.meta ?? {};
      expect(list.map(({ key }: { key: string }) => key)).toEqual(["v/a", "v/b", "v/c"]);
      expect(list[0]).toMatchObject({ by: "lister", size: 7, rev: expect.any(String) });
    });
  });
}

test("a list of a failed frame's writes has none of them, and wrong prefixes are errors", async () => {
  await serving(async (server) => {
    await spawn(
      server,
      "handler",
      "lister",
      `export default {
        topics: ["n"], on_error: "skip",
        async run({ meta: { n } }, state, xs) {
          if (n === 0) { await xs.kv.put("v/gone", 1); throw new Error("no"); }
          const keys = [];
          for await (const { key } of xs.kv.list(n === 1 ? "v/" : n === 2 ? 7 : "x\\0")) keys.push(key);
          return { out: { keys } };
        },
      }`,
    );
    await sayMany(server, "n", 4);
    const errors = await countOf(server, "lister.error", 3);
    const [out] = await countOf(server, "lister.out", 1);
    expect(out?.meta.keys).toEqual([]);
    expect(errors[1]?.meta.reason).toContain("the key is 7, and has to be a text");
    expect(errors[2]?.meta.reason).toContain("holds a NUL");
  });
});

const REMOVES: Record<string, string> = {
  ts: `export default {
    topics: ["gone"], on_error: "skip",
    async run(frame, state, xs) {
      if (frame.meta?.id) await xs.remove(frame.meta.id);
      else await xs.remove(frame);
      if (frame.meta?.fail) throw new Error("no");
      return { out: { ms: xs.time(frame).getTime(), same: xs.time(frame.id).toISOString() } };
    },
  }`,
  nu: `{
    topics: ["gone"], on_error: "skip"
    run: {|frame, state|
      if $frame.meta?.id? != null { .remove $frame.meta.id } else { .rm $frame }
      if $frame.meta?.fail? != null { error make { msg: "no" } }
      { out: { ms: ((.time $frame | into int) // 1000000), same: ($frame.id | .time | format date "%Y-%m-%dT%H:%M:%S%.3fZ") } }
    }
  }`,
  exec: `#!/usr/bin/env python3
import json, sys
print(json.dumps({"ready": {"topics": ["gone"], "on_error": "skip"}}), flush=True)
for line in sys.stdin:
    frame = json.loads(line)
    if "topic" not in frame: continue
    meta = frame["meta"] or {}
    print(json.dumps({"remove": meta.get("id", frame["id"]), "frame_id": frame["id"]}), flush=True)
    if "fail" in meta:
        print(json.dumps({"error": "no", "frame_id": frame["id"]}), flush=True)
    else:
        print(json.dumps({"out": {}, "done": frame["id"]}), flush=True)
`,
};

for (const [runtime, script] of Object.entries(REMOVES)) {
  test(`a handler in ${runtime} removes frames in the commit of its frame, or not at all`, async () => {
    await serving(async (server) => {
      const kept = await say(server, "note", { n: 1 });
      const other = await say(server, "note", { n: 2 });
      await spawn(server, "handler", "remover", script);
      await say(server, "gone", { id: kept.id, fail: true });
      await countOf(server, "remover.error", 1);
      expect((await framesOf(server, "note")).length).toBe(2);
      await say(server, "gone", { id: other.id });
      const own = await say(server, "gone", {});
      // There is none any more: no error.
      await say(server, "gone", { id: other.id });
      await say(server, "gone", { id: "no id" });
      const out = await countOf(server, "remover.out", 3);
      const errors = await countOf(server, "remover.error", 2);
      expect(errors[1]?.meta.reason).toContain("no id");
      expect((await framesOf(server, "note")).map(({ id }) => id)).toEqual([kept.id]);
      expect((await framesOf(server, "gone")).map(({ id }) => id)).not.toContain(own.id);
      if (runtime === "exec") return;
      const frame = out[1]?.meta;
      expect(frame.same).toBe(new Date(frame.ms).toISOString());
      expect(own.id > firstIdAt(frame.ms) && own.id < firstIdAt(frame.ms + 1)).toBe(true);
    });
  });
}

test("a removed frame stays removed after an import, and a removed spawn of what runs changes nothing", async () => {
  await serving(async (server) => {
    const spawned = await spawn(
      server,
      "handler",
      "still",
      `export default { topics: ["n"], run: () => ({ out: 1 }) }`,
    );
    await spawn(server, "handler", "remover", REMOVES.ts ?? "");
    const note = await say(server, "note", {});
    await say(server, "gone", { id: note.id });
    await say(server, "gone", { id: spawned.id });
    await countOf(server, "remover.out", 2);
    const body = `${JSON.stringify(note)}\n`;
    const report = await (await server.fetch("/import", { method: "POST", body })).text();
    expect(await framesOf(server, "note")).toEqual([]);
    expect(report).toContain("1");
    await sayMany(server, "n", 1);
    await countOf(server, "still.out", 1);
  });
});

test("a generator lists, removes and tells times, each write at once", async () => {
  await serving(async (server) => {
    const note = await say(server, "note", {});
    const generator = await spawn(
      server,
      "generator",
      "direct",
      `export default async function* (xs) {
        await xs.kv.put("k/1", "one");
        const note = await xs.last("note");
        yield { keys: (await Array.fromAsync(xs.kv.list("k/"))).map(({ key }) => key), ms: xs.time(note).getTime() };
        await xs.remove(note);
        yield { left: (await xs.get(note.id)) ?? null };
        await xs.remove("no id").catch(({ message }) => xs.kv.put("said", message));
      }`,
      { restart: "never" },
    );
    await answered(server, generator, "finished");
    const [first, second] = await countOf(server, "direct.recv", 2);
    expect(first?.meta.keys).toEqual(["k/1"]);
    expect(note.id > firstIdAt(first?.meta.ms)).toBe(true);
    expect(second?.meta.left).toBeNull();
    expect(await kvText(server, "said")).toContain("no id");
  });
});
