import { expect, test } from "bun:test";
import { until } from "../support/wait.ts";
import {
  contract,
  type Frame,
  idsOf,
  linesOf,
  NO_ID,
  THRESHOLD,
  timeIn,
  topicOf,
} from "./subject.ts";

contract((it) => {
  test("options choose the frames, in the order of the log or against it", async () => {
    const topic = it.fresh();
    const ids = idsOf(await it.appendMany(topic, 6));
    const at = (n: number) => ids[n] ?? "";
    const beyond = idsOf(await it.appendMany(`${topic}.other`, 1))[0];
    for (const [query, wanted] of [
      ["", [0, 1, 2, 3, 4, 5]],
      ["limit=2", [0, 1]],
      ["limit=0", []],
      ["limit=99", [0, 1, 2, 3, 4, 5]],
      ["last=2", [4, 5]],
      ["last=0", []],
      ["last=3&limit=2", [3, 4]],
      [`last-id=${at(3)}`, [4, 5]],
      [`after=${at(3).toUpperCase()}`, [4, 5]],
      [`after=${beyond}`, []],
      [`after=${at(1)}&last=2`, [4, 5]],
      [`from=${at(3)}`, [3, 4, 5]],
      [`from=${at(3)}&limit=1`, [3]],
      [`from=${NO_ID}&limit=1`, [0]],
      ["order=asc&limit=1", [0]],
      ["order=desc", [5, 4, 3, 2, 1, 0]],
      ["order=desc&limit=2", [5, 4]],
      [`order=desc&last-id=${at(2)}`, [1, 0]],
      [`order=desc&last-id=${beyond}&limit=1`, [5]],
      ["follow=false&tail=no&limit=1", [0]],
    ] as const) {
      for (const path of [`/?topic=${topic}&`, `/stream/${topic}?`]) {
        const got = await it.ids(`${path}${query}`);
        expect([path, query, got]).toEqual([path, query, wanted.map(at)]);
      }
    }
    await it.ask(`/${at(1)}`, { method: "DELETE" });
    expect(await it.ids(`/?topic=${topic}&after=${at(1)}&limit=1`)).toEqual([at(2)]);
  });

  test("since and until bound a read by the time in the ids", async () => {
    const topic = it.fresh();
    const frames: Frame[] = [];
    // The next is of a later millisecond.
    for (let n = 0; n < 3; n++) {
      frames.push(await it.append(topic));
      await until("the clock goes on", async () => {
        const { id } = await it.append(`${topic}.clock`, "", "ttl=ephemeral");
        return timeIn(id) > timeIn(frames.at(-1)?.id ?? "");
      });
    }
    const ids = idsOf(frames);
    const [first = "", second = "", third = ""] = ids.map(timeIn);
    for (const [query, wanted] of [
      [`since=${second}`, [1, 2]],
      [`until=${second}`, [0]],
      [`since=${second}&until=${third}`, [1]],
      [`since=${second}&until=${second}`, []],
      [`since=${first}&order=desc`, [2, 1, 0]],
      [`until=${third}&last=1`, [1]],
      [`since=${second.replace("Z", "%2B00:00")}`, [1, 2]],
      [`since=${second}&after=${ids[1]}`, [2]],
      ["since=4w", [0, 1, 2]],
      ["until=4w", []],
      ["since=9999-12-31&until=9999-12-31", []],
    ] as const) {
      const got = await it.ids(`/stream/${topic}?${query}`);
      expect([query, got]).toEqual([query, wanted.map((n) => ids[n] ?? "")]);
    }
    expect(await it.ids(`/first/${topic}?since=${second}`)).toEqual(ids.slice(1, 2));
    expect(await it.ids(`/last/${topic}?until=${third}`)).toEqual(ids.slice(1, 2));
    for (const query of [
      "since=tomorrow",
      "since=2026-02-30",
      "since=2026-11-26T10:00+01:00",
      "since=1h&until=2h",
      "since=1h&tail&follow",
    ]) {
      await it.refuses(`GET /stream/${topic}?${query}`, "400 bad_option since");
    }
    await it.refuses(`GET /stream/${topic}?until=1h&follow`, "400 bad_option until");
  });

  test("a read that waits ends with the history, with the first frame, or empty", async () => {
    const topic = it.fresh();
    const before = await it.append(topic);
    const path = `/stream/${topic}?wait=1000000`;
    expect(await it.ids(path)).toEqual([before.id]);
    expect(await it.text(`/stream/${topic}?wait=20&tail`)).toBe("");
    // Whether it waits by then or not, it ends with the frame that comes.
    const answer = it.text(`${path}&last-id=${before.id}`);
    const after = await it.append(topic);
    expect(JSON.parse(await answer)).toEqual(after);
    for (const query of ["wait=-1", "wait=soon", "wait=1&follow", "wait=1&order=desc"]) {
      await it.refuses(`GET /stream/${topic}?${query}`, "400 bad_option wait");
    }
  });

  test("a topic is a name, all below it, or a list, and a frame comes once", async () => {
    const root = it.fresh();
    const [a, ab, abc, b, ac] = ["a", "a.b", "a.b.c", "b", "a.c"].map((end) => `${root}.${end}`);
    const topics = [a, ab, abc, `${root}.ab`, b, ac] as string[];
    const bounds = [];
    for (const topic of topics) bounds.push((await it.append(topic)).id);
    const [first = ""] = bounds;
    for (const [filter, wanted] of [
      [a, [a]],
      [`${a}.*`, [ab, abc, ac]],
      [`${ab}.*`, [abc]],
      [`${b},${a}`, [a, b]],
      [`${a}.*,${ab},${ab}.*`, [ab, abc, ac]],
      [`${root}.*`, topics],
      [`${a}.nobody`, []],
    ] as [string, string[]][]) {
      const read = async (path: string) => (await it.frames(path)).map(({ topic }) => topic);
      expect([filter, await read(`/?topic=${filter}`)]).toEqual([filter, wanted]);
      expect(await read(`/stream/${filter}`)).toEqual(wanted);
      expect(await read(`/?topic=${filter}&order=desc`)).toEqual(wanted.toReversed());
      expect(await read(`/?topic=${filter}&last=2`)).toEqual(wanted.slice(-2));
      expect(await read(`/last/${filter}?last=2`)).toEqual(wanted.slice(-2));
      expect(await read(`/first/${filter}?limit=2`)).toEqual(wanted.slice(0, 2));
    }
    for (const all of [`/?topic=*&from=${first}`, `/stream/*?from=${first}`, `/?from=${first}`]) {
      expect(await it.ids(all)).toEqual(expect.arrayContaining(bounds));
    }
    expect(await it.ids(`/?topic=${a}&topic=${b}`)).toEqual(await it.ids(`/?topic=${a},${b}`));
    const hundred = Array.from({ length: 100 }, (_, n) => `${root}.${n}`).join();
    expect(await it.ids(`/?topic=${hundred}`)).toEqual([]);
    for (const filter of ["", "a..b", `${a},`, `${a},,${b}`, `${hundred},${a}`]) {
      await it.refuses(`GET /?topic=${filter}`, "400 bad_topic");
    }
  });

  test("a wrong option, value or combination is named", async () => {
    const { id } = await it.append(it.fresh());
    const wrong = {
      lmit: "lmit=1",
      limit: "limit=-1 limit=1.5 limit= limit=1e3 limit=1&limit=2",
      last: "last=x",
      "last-id": `after=${id}&last-id=${id}`,
      order: "order=up",
      follow: "follow=maybe follow=0",
      "with-timestamp": "with-timestamp=2",
      desc: "order=desc&follow order=desc&last=1 order=desc&tail&follow",
      from: `order=desc&from=${id} after=${id}&from=${id}`,
      tail: `tail new=yes tail&follow&after=${id} tail&follow&last=1`,
    };
    for (const [named, queries] of Object.entries(wrong)) {
      for (const query of queries.split(" ")) {
        await it.refuses(`GET /?${query}`, `400 bad_option ${named}`);
      }
    }
    for (const query of ["last-id=nope", `last-id=${"z".repeat(25)}`, "from=1"]) {
      await it.refuses(`GET /?${query}`, `400 bad_id ${query.split("=")[0]}`);
    }
    await it.refuses("GET /stream/a?topic=a", "400 bad_option topic");
  });

  test("first and last give one frame, or so many, or go on", async () => {
    const topic = it.fresh();
    for (const end of ["first", "last"]) await it.refuses(`GET /${end}/${topic}`, "404 not_found");
    const ids = idsOf(await it.appendMany(topic, 4));
    for (const [path, wanted] of [
      [`/first/${topic}`, ids.slice(0, 1)],
      [`/first/${topic}?last=2`, ids.slice(0, 2)],
      [`/first/${topic}?limit=2`, ids.slice(0, 2)],
      [`/last/${topic}`, ids.slice(-1)],
      [`/last/${topic}?last=2`, ids.slice(-2)],
      [`/last/${topic}?limit=2`, ids.slice(-2)],
      [`/last/${topic}?last=9`, ids],
    ] as const) {
      expect([path, await it.ids(path)]).toEqual([path, wanted]);
    }
    for (const [path, count] of [
      ["/first", 1],
      ["/last", 1],
      ["/last?last=3", 3],
    ] as const) {
      expect(linesOf(await it.text(path))).toHaveLength(count);
    }
    const lines = await it.follow(`/last/${topic}?follow`);
    expect((await lines.take(2)).map(topicOf)).toEqual([topic, THRESHOLD]);
    const { id } = await it.append(topic);
    expect(JSON.parse((await lines.take(1))[0] ?? "").id).toBe(id);
    await lines.cancel();
  });

  test("next and previous give the neighbour, in the stream or of a topic", async () => {
    const topic = it.fresh();
    const a = await it.append(topic);
    const between = await it.append(`${topic}.between`);
    const b = await it.append(topic);
    const neighbour = async (path: string) => JSON.parse(await it.text(path));
    expect(await neighbour(`/${a.id}/next?topic=${topic}`)).toEqual(b);
    expect(await neighbour(`/${b.id}/previous?topic=${topic}`)).toEqual(a);
    expect(await neighbour(`/${a.id}/next?topic=${topic}.*`)).toEqual(between);
    expect(await neighbour(`/${between.id}/previous?topic=${topic},${topic}.*`)).toEqual(a);
    // Others may write as well, but nothing between a frame and its neighbour in the stream.
    const { id } = await neighbour(`/${a.id}/next`);
    expect(id > a.id && id <= between.id).toBe(true);
    expect((await neighbour(`/${id}/previous`)).id).toBe(a.id);
    for (const path of [`/${b.id}/next?topic=${topic}`, `/${a.id}/previous?topic=${topic}`]) {
      await it.refuses(`GET ${path}`, "404 not_found");
    }
  });
});
