import { expect, test } from "bun:test";
import { type LineReader, until } from "../support/wait.ts";
import { contract, framesOf, ID, idsOf, PULSE, THRESHOLD, topicOf } from "./subject.ts";

const EVENTS = "text/event-stream";
const LINES = "application/x-ndjson";

contract((it) => {
  test("a following read sends one threshold between replay and live", async () => {
    const topic = it.fresh();
    const replay = await it.appendMany(topic, 3);
    for (const [query, count] of [
      ["follow", 3],
      ["follow=", 3],
      ["follow=true&last=2", 2],
      ["follow=yes&last=0", 0],
      ["follow&tail", 0],
      ["follow&new", 0],
      [`follow&after=${replay[2]?.id}`, 0],
      ["follow=60000", 3],
    ] as const) {
      const lines = await it.follow(`/stream/${topic}?${query}`);
      const passing = await it.append(topic, "", "ttl=ephemeral");
      const seen = framesOf((await lines.take(count + 2)).join("\n"));
      const wanted = [...idsOf(replay.slice(3 - count)), expect.stringMatching(ID), passing.id];
      expect([query, idsOf(seen)]).toEqual([query, wanted]);
      expect(seen[count]).toMatchObject({ topic: THRESHOLD, hash: null });
      expect(idsOf(seen)).toEqual(idsOf(seen).toSorted());
      await lines.cancel();
    }
    expect(await it.ids(`/stream/${topic}`)).toHaveLength(3);
  });

  test("a limit counts neither threshold nor pulses, and one that history fills has no threshold", async () => {
    const topic = it.fresh();
    await it.appendMany(topic, 3);
    const filled = await it.follow(`/stream/${topic}?follow&limit=3`);
    expect((await filled.rest()).map(topicOf)).toEqual([topic, topic, topic]);
    const lines = await it.follow(`/stream/${topic}?follow=1&limit=5`);
    const seen = await lines.through((line) => topicOf(line) === PULSE);
    await it.appendMany(topic, 4);
    const topics = [...seen, ...(await lines.rest())].map(topicOf);
    expect(topics.filter((name) => name === topic)).toHaveLength(5);
    expect(topics.filter((name) => name === THRESHOLD)).toHaveLength(1);
  });

  test("a reader may resume from the id of a threshold or a pulse, which are not stored", async () => {
    const topic = it.fresh();
    await it.append(topic);
    const lines = await it.follow(`/?follow=1&topic=${topic}`);
    const [, threshold, pulse] = (await lines.take(3)).map((line) => JSON.parse(line));
    await lines.cancel();
    const after = await it.append(topic);
    expect([threshold.topic, pulse.topic]).toEqual([THRESHOLD, PULSE]);
    for (const { id } of [threshold, pulse]) {
      expect(await it.ids(`/stream/${topic}?after=${id}`)).toEqual([after.id]);
      await it.refuses(`GET /${id}`, "404 not_found");
    }
  });

  test("a follower gets the live frames of its topics alone, also of new ones", async () => {
    const root = it.fresh();
    const lines = await it.follow(`/?follow&topic=${root}.a.*,${root}.b`);
    await lines.take(1);
    const all = [];
    for (const end of ["a", "a.b", "c", "b", "a.b.c"]) all.push(await it.append(`${root}.${end}`));
    const [, ab, , b, abc] = all.map((frame) => JSON.stringify(frame));
    expect(await lines.take(3)).toEqual([ab, b, abc] as string[]);
    await lines.cancel();
  });

  test("no gap, no duplicate and no reordering where replay meets live, with several writers", async () => {
    const topic = it.fresh();
    const write = async () => {
      for (let n = 0; n < 40; n++) await it.append(topic, `${n}`);
    };
    const writers = Promise.all([write(), write(), write(), write()]);
    const readers: LineReader[] = [];
    for (let n = 0; n < 10; n++) {
      readers.push(await it.follow(`/stream/${topic}?follow`));
      const seen = async () => (await it.ids(`/stream/${topic}`)).length >= 14 * (n + 1);
      await until("more frames", seen);
    }
    await writers;
    const wanted = await it.ids(`/stream/${topic}`);
    expect(wanted).toHaveLength(160);
    for (const reader of readers) {
      const frames = framesOf((await reader.take(161)).join("\n"));
      expect(idsOf(frames)).toEqual(idsOf(frames).toSorted());
      expect(idsOf(frames.filter((frame) => frame.topic === topic))).toEqual(wanted);
      expect(frames.filter((frame) => frame.topic === THRESHOLD)).toHaveLength(1);
      await reader.cancel();
    }
  });

  test("server-sent events carry the id and the frame, and Last-Event-ID is last-id", async () => {
    const topic = it.fresh();
    const frames = await it.appendMany(topic, 3);
    const [first, second, third] = frames;
    const event = (frame = third) => `id: ${frame?.id}\ndata: ${JSON.stringify(frame)}\n\n`;
    const headers = { accept: EVENTS };
    expect(await it.text(`/stream/${topic}`, { headers })).toBe(frames.map(event).join(""));
    const resumed = { ...headers, "last-event-id": second?.id ?? "" };
    expect(await it.text(`/stream/${topic}`, { headers: resumed })).toBe(event());
    for (const start of ["tail", `after=${first?.id}`, "last=3"]) {
      const lines = await it.follow(`/stream/${topic}?follow&${start}`, resumed);
      const [id, data, , threshold = ""] = await lines.take(4);
      expect(`${id}\n${data}\n\n`).toBe(event());
      expect(threshold).toStartWith("id: ");
      await lines.cancel();
    }
    const bad = { headers: { ...headers, "last-event-id": "nope" } };
    await it.refuses("GET /", "400 bad_id nope", bad);
  });

  test("Accept is matched as HTTP says, and streams pass a proxy", async () => {
    const topic = it.fresh();
    await it.append(topic);
    for (const [accept, type] of [
      ["*/*", LINES],
      ["TEXT/EVENT-STREAM", EVENTS],
      ["text/event-stream;charset=utf-8", EVENTS],
      ["text/*", EVENTS],
      ["application/x-ndjson, text/event-stream", EVENTS],
      ["text/event-stream;q=0", LINES],
      ["text/event-stream;Q=0.1, application/x-ndjson", LINES],
      ["application/x-ndjson;q=0.1,text/event-stream;q=0.2", EVENTS],
      ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", LINES],
      ['application/json;of="a, text/event-stream"', LINES],
      ["image/png", LINES],
    ] as const) {
      for (const path of [`/stream/${topic}`, `/?topic=${topic}&follow`, `/last/${topic}?last=1`]) {
        const response = await it.ask(path, { headers: { accept } });
        await response.body?.cancel();
        const told = Object.fromEntries(response.headers);
        expect([accept, told["content-type"]?.split(";")[0]]).toEqual([accept, type]);
        expect(told).toMatchObject({ "x-accel-buffering": "no", "cache-control": "no-cache" });
      }
    }
  });
});
