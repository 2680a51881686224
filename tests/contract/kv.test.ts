import { expect, test } from "bun:test";
import { contract, ID, linesOf, THRESHOLD, topicOf } from "./subject.ts";

interface Entry {
  readonly key: string;
  readonly rev: string;
  readonly [member: string]: unknown;
}

contract((it) => {
  const at = (key: string) => `/kv/${encodeURIComponent(key)}`;
  const put = (key: string, body: RequestInit["body"], headers = {}, method = "PUT") =>
    it.ask(at(key), { method, headers, ...(body !== undefined && { body }) });
  const remove = (key: string, headers = {}) => it.ask(at(key), { method: "DELETE", headers });
  const revOf = ({ headers }: Response) => headers.get("etag") ?? "no etag";
  const entries = async (path: string) =>
    linesOf(await it.text(path)).map((line) => JSON.parse(line) as Entry);

  test("a value comes back byte for byte, with its type and its revision", async () => {
    const key = `${it.fresh()}/a.b`;
    const bytes = Uint8Array.from({ length: 256 }, (_, n) => n);
    const before = await it.append(it.fresh());
    for (const method of ["PUT", "POST"]) {
      const stored = await put(key, bytes, { "content-type": "image/x-test" }, method);
      const told = (await stored.json()) as Entry;
      const { rev } = told;
      expect(told).toEqual({ key, rev, size: 256, type: "image/x-test" });
      expect(revOf(stored)).toBe(`"${rev}"`);
      expect(rev).toMatch(ID);
      expect(rev > before.id && rev < (await it.append(it.fresh())).id).toBe(true);
      for (const path of [at(key), `/kv/${key}`]) {
        const got = await it.ask(path);
        expect(await got.bytes()).toEqual(bytes);
        expect(Object.fromEntries(got.headers)).toMatchObject({
          etag: `"${rev}"`,
          "content-type": "image/x-test",
          "content-security-policy": "sandbox",
          "x-content-type-options": "nosniff",
        });
      }
      const head = await it.ask(at(key), { method: "HEAD" });
      expect([head.status, revOf(head), await head.text()]).toEqual([200, `"${rev}"`, ""]);
    }
    for (const status of [204, 204]) expect((await remove(key)).status).toBe(status);
    await it.refuses(`GET ${at(key)}`, `404 not_found ${key}`);
  });

  test("a write happens only where its condition holds", async () => {
    const key = it.fresh();
    const racers = Array.from({ length: 8 }, () => put(key, "1", { "if-none-match": "*" }));
    const answers = await Promise.all(racers);
    const [won, ...more] = answers.filter(({ status }) => status === 200);
    expect(more).toEqual([]);
    const first = revOf(won as Response);
    for (const lost of answers.filter((answer) => answer !== won)) {
      const told = { code: "precondition_failed", actual: first.replaceAll('"', "") };
      expect([lost.status, await lost.json()]).toMatchObject([412, told]);
    }
    const second = revOf(await put(key, "2", { "if-match": first }));
    for (const [status, headers] of [
      [412, { "if-match": first }],
      [412, { "if-match": `W/${second}` }],
      [412, { "if-none-match": second }],
      [200, { "if-match": `${first}, ${second}` }],
      [200, { "if-match": "*" }],
      [200, { "if-none-match": second }],
    ] as const) {
      expect([headers, (await put(key, "3", headers)).status]).toEqual([headers, status]);
    }
    expect((await remove(key, { "if-match": second })).status).toBe(412);
    expect((await remove(key, { "if-match": "*" })).status).toBe(204);
    const refused = await put(key, "4", { "if-match": "*" });
    expect([refused.status, await refused.json()]).toMatchObject([412, { actual: null }]);
    expect(await entries(`/kv?prefix=${key}`)).toEqual([]);
  });

  test("a value that the client has is not sent again", async () => {
    const key = it.fresh();
    const rev = revOf(await put(key, "1"));
    for (const [name, value, status] of [
      ["if-none-match", rev, 304],
      ["if-none-match", `"x", W/${rev}`, 304],
      ["if-none-match", '"x"', 200],
      ["if-match", rev, 200],
      ["if-match", '"x"', 412],
    ] as const) {
      for (const method of ["GET", "HEAD"]) {
        const response = await it.ask(at(key), { method, headers: { [name]: value } });
        expect([name, value, response.status]).toEqual([name, value, status]);
        const body = await response.text();
        if (status === 304) expect([revOf(response), body]).toEqual([rev, ""]);
      }
    }
  });

  test("keys and values have bounds", async () => {
    const root = it.fresh();
    const long = `${root}/${"€".repeat(200)}`;
    const keys = ["/a//b/", "/../a", "/%2f", "/ü 🎈?x=1#y", " "].map((end) => root + end);
    for (const key of [...keys, root.padEnd(512, "x")]) {
      expect([key, (await put(key, key)).status]).toEqual([key, 200]);
      expect(await it.text(at(key))).toBe(key);
    }
    expect(await entries(`/kv?prefix=${root}`)).toHaveLength(6);
    for (const key of ["", root.padEnd(513, "x"), long, `${root}\0`]) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        await it.refuses(`${method} ${at(key)}`, "400 bad_key");
      }
    }
    for (const method of ["PUT", "DELETE"]) {
      await it.refuses(`${method} /kv/stream.cross.x`, "403 reserved_key");
    }
    const full = new Uint8Array(1024 * 1024).fill(7);
    expect((await put(root, full)).status).toBe(200);
    expect(await (await it.ask(at(root))).bytes()).toEqual(full);
    for (const body of [new Uint8Array(1024 * 1024 + 1), new Blob([full, "x"]).stream()]) {
      const refused = await put(root, body);
      expect([refused.status, await refused.json()]).toMatchObject([
        413,
        { code: "body_too_large" },
      ]);
    }
    expect((await put(root, "")).status).toBe(200);
    expect(await it.text(at(root))).toBe("");
  });

  test("a list has the entries below a prefix, in the order of the keys", async () => {
    const root = it.fresh();
    for (const end of ["b/2", "a", "b/1", "b", "b0", "b/é"]) {
      await put(`${root}/${end}`, end, { "content-type": "text/plain" });
    }
    const listed = await entries(`/kv?prefix=${root}/`);
    const ends = ["a", "b", "b/1", "b/2", "b/é", "b0"];
    expect(listed.map(({ key }) => key)).toEqual(ends.map((end) => `${root}/${end}`));
    const rev = expect.stringMatching(ID);
    expect(listed[0]).toEqual({ key: `${root}/a`, rev, size: 1, type: "text/plain" });
    expect(await entries(`/kv?prefix=${root}/b/`)).toHaveLength(3);
    expect((await it.ask("/kv?prefix=none")).headers.get("content-type")).toBe(
      "application/x-ndjson",
    );
  });

  test("a watch without values gives the same, as a listing has it", async () => {
    const root = it.fresh();
    const [a, b] = [`${root}/a`, `${root}/b`];
    const text = { "content-type": "text/plain" };
    await put(a, "1", text);
    const watch = await it.follow(`/kv?prefix=${root}/&follow&without-values`);
    const there = await entries(`/kv?prefix=${root}/`);
    expect((await watch.take(2)).slice(0, 1).map((line) => JSON.parse(line))).toEqual(there);
    await put(b, '{"n":2}', { "content-type": "application/json" });
    await remove(a);
    const rev = expect.stringMatching(ID);
    expect((await watch.take(2)).map((line) => JSON.parse(line))).toEqual([
      { key: b, rev, size: 7, type: "application/json" },
      { key: a, rev, deleted: true },
    ]);
    expect(await entries(`/kv?prefix=${root}/&without-values`)).toHaveLength(1);
    await it.refuses(`GET /kv?follow&without-values=maybe`, "400 bad_option");
    await watch.cancel();
  });

  test("a watch gives what is there, a threshold, then every change", async () => {
    const root = it.fresh();
    const [a, b] = [`${root}/a`, `${root}/b`];
    const json = { "content-type": "application/json" };
    await put(a, "1", { "content-type": "text/plain" });
    const watch = await it.follow(`/kv?prefix=${root}/&follow`);
    const one = await it.follow(`${at(b)}?follow`);
    const [there = "", threshold = ""] = await watch.take(2);
    const rev = expect.stringMatching(ID);
    expect(JSON.parse(there)).toEqual({ key: a, rev, size: 1, type: "text/plain", value: "1" });
    expect([threshold, ...(await one.take(1))].map(topicOf)).toEqual([THRESHOLD, THRESHOLD]);
    await put(`${root}.other`, "x");
    await put(b, '{"n":2}', json);
    await put(b, "no json", json);
    await put(a, Uint8Array.of(0xff, 0));
    await remove(a);
    await put(b, "end");
    const changes = (await watch.take(5)).map((line) => JSON.parse(line) as Entry);
    expect(changes).toMatchObject([
      { key: b, value: { n: 2 }, size: 7, type: "application/json" },
      { key: b, value: "no json" },
      { key: a, base64: "/wA=" },
      { key: a, deleted: true },
      { key: b, value: "end" },
    ]);
    expect(Object.keys(changes[3] ?? {})).toEqual(["key", "rev", "deleted"]);
    const revs = changes.map((change) => change.rev);
    expect(revs).toEqual(revs.toSorted());
    const ofOne = (await one.take(3)).map((line) => (JSON.parse(line) as Entry).rev);
    expect(ofOne).toEqual([0, 1, 4].map((n) => revs[n] ?? ""));
    for (const lines of [watch, one]) await lines.cancel();
  });

  test("a watch takes pulses and server-sent events", async () => {
    const key = it.fresh();
    await put(key, "1");
    const lines = await it.follow(`${at(key)}?follow=10`, { accept: "text/event-stream" });
    const events = await lines.through((line) => line.includes("stream.cross.pulse"));
    expect(events[0]).toBe(`id: ${JSON.parse(events[1]?.slice(6) ?? "").rev}`);
    expect(events.filter((line) => line.startsWith("data: "))[1]).toContain(THRESHOLD);
    await lines.cancel();
  });
});
