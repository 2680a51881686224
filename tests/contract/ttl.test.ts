import { expect, test } from "bun:test";
import { until } from "../support/wait.ts";
import { contract, type Frame, framesOf, idsOf } from "./subject.ts";

const HOUR = 3_600_000;

contract((it) => {
  const batch = (line: object) => it.post("/stream", JSON.stringify(line));

  test("a ttl has one of five forms", async () => {
    const topic = it.fresh();
    const day = Date.parse("2126-12-24T00:00:00Z");
    for (const [ttl, given = ttl] of [
      ["forever"],
      ["time:3600000"],
      ["time:90s", "time:90000"],
      ["time:15m", "time:900000"],
      ["time:12h", `time:${12 * HOUR}`],
      ["time:7d", `time:${7 * 24 * HOUR}`],
      ["time:4w", `time:${28 * 24 * HOUR}`],
      [`until:${day}`],
      ["until:2126-12-24", `until:${day}`],
      ["until:2126-12-24T18:00Z", `until:${day + 18 * HOUR}`],
      ["until:2126-12-24T18:00:00+02:00", `until:${day + 16 * HOUR}`],
      ["last:50"],
    ] as const) {
      expect((await it.append(topic, "", `ttl=${encodeURIComponent(ttl)}`)).ttl).toBe(given);
      expect(framesOf(await (await batch({ topic, ttl })).text())[0]?.ttl).toBe(given);
    }
    const kept = await it.ids(`/stream/${topic}`);
    for (const ttl of [
      "",
      "soon",
      "Forever",
      "time:",
      "time:0",
      "time:1.5",
      "time:0s",
      "time:5y",
      "last:0",
      "last:-1",
    ]) {
      await it.refuses(`POST /stream/${topic}?ttl=${ttl}`, "400 bad_ttl ttl");
    }
    for (const ttl of [
      "until:tomorrow",
      "until:1700000000",
      "until:2126-13-01",
      "until:2001-01-01",
    ]) {
      expect([ttl, (await batch({ topic, ttl })).status]).toEqual([ttl, 400]);
    }
    expect(await it.ids(`/stream/${topic}`)).toEqual(kept);
  });

  test("after its time no read of any kind gives a frame", async () => {
    const topic = it.fresh();
    const gone: string[] = [];
    gone.push((await it.append(topic, "x", "ttl=time:1")).id);
    // The clock is the server's, and one in the past is refused.
    const short = await until("an end that is still to come", async () => {
      const { timestamp = "" } = await it.append(`${topic}.clock`, "", "with-timestamp");
      const ttl = `until:${Date.parse(timestamp) + 300}`;
      const response = await it.post(`/stream/${topic}?ttl=${ttl}`, "x");
      return response.ok && ((await response.json()) as Frame);
    });
    gone.push(short.id);
    const { id } = await it.append(topic, "x", "ttl=time:3600000");
    await until("they are gone", async () => (await it.ids(`/stream/${topic}`)).length === 1);
    for (const path of ["/stream/T", "/?topic=T&order=desc", "/first/T", "/last/T?last=9"]) {
      expect([path, await it.ids(path.replace("T", topic))]).toEqual([path, [id]]);
    }
    const paths = gone.flatMap((none) => [`/${none}`, `/${none}/content`]);
    for (const path of [...paths, `/${id}/previous?topic=${topic}`]) {
      await it.refuses(`GET ${path}`, "404 not_found");
    }
  });

  test("last:n keeps the newest n of the topic, with the append", async () => {
    const topic = it.fresh();
    const other = await it.append(`${topic}.x`);
    const ids = idsOf(await it.appendMany(topic, 5));
    ids.push((await it.append(topic, "", "ttl=last:3")).id);
    expect(await it.ids(`/stream/${topic}`)).toEqual(ids.slice(-3));
    ids.push((await it.append(topic, "", "ttl=last:1")).id);
    expect(await it.ids(`/?topic=${topic},${topic}.*`)).toEqual([other.id, ...ids.slice(-1)]);
  });

  test("an ephemeral frame reaches live readers, in order, and is not stored", async () => {
    const topic = it.fresh();
    const live = await it.follow(`/stream/${topic}?follow`);
    await live.take(1);
    const before = await it.append(topic, "1");
    const passing = await it.append(topic, "passing", "ttl=ephemeral");
    const after = await it.append(topic, "3");
    expect(framesOf((await live.take(3)).join("\n"))).toEqual([before, passing, after]);
    expect(passing.ttl).toBe("ephemeral");
    expect(await it.text(`/cas/${passing.hash}`)).toBe("passing");
    await live.cancel();
    expect(await it.ids(`/stream/${topic}`)).toEqual([before.id, after.id]);
    await it.refuses(`GET /${passing.id}`, "404 not_found");
  });
});
