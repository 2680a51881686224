import { expect, test } from "bun:test";
import { contract, framesOf, THRESHOLD, topicOf } from "./subject.ts";

contract((it) => {
  /** Appends a frame to each of these topics below a fresh one; gives that, and a way to make lists of patterns. */
  const below = async (...names: string[]) => {
    const root = it.fresh();
    for (const name of names) await it.append(`${root}.${name}`);
    const list = (patterns: string) =>
      patterns
        .split(",")
        .map((each) => (each.startsWith("!") ? `!${root}.${each.slice(1)}` : `${root}.${each}`))
        .join();
    const named = (topics: string[]) => topics.map((topic) => topic.slice(root.length + 1));
    return { root, list, named };
  };
  const NAMES = ["tcp.recv", "tcp.send", "udp.recv", "recv", "a.tcp.recv", "tcp.recv.x", "noise"];

  test("a * between dots is one part, at the end it is one or more, and !p takes away", async () => {
    const { list, named } = await below(...NAMES);
    for (const [patterns, wanted] of [
      ["*.recv", ["tcp.recv", "udp.recv"]],
      ["tcp.*", ["tcp.recv", "tcp.send", "tcp.recv.x"]],
      ["*.tcp.recv", ["a.tcp.recv"]],
      ["*.recv.*", ["tcp.recv.x"]],
      ["*.*.recv", ["a.tcp.recv"]],
      ["*.*", ["tcp.recv", "tcp.send", "udp.recv", "a.tcp.recv", "tcp.recv.x"]],
      ["*.recv,tcp.*", ["tcp.recv", "tcp.send", "udp.recv", "tcp.recv.x"]],
      ["*,!noise", NAMES.slice(0, -1)],
      ["!noise,!tcp.*,*", ["udp.recv", "recv", "a.tcp.recv"]],
      ["*,!*.recv", ["tcp.send", "recv", "a.tcp.recv", "tcp.recv.x", "noise"]],
      ["*.recv,!tcp.recv", ["udp.recv"]],
      ["noise,!noise", []],
    ] as const) {
      const topic = encodeURIComponent(list(patterns));
      for (const path of [
        `/?topic=${topic}`,
        `/stream/${topic}`,
        `/?order=arrival&topic=${topic}`,
      ]) {
        const topics = (await it.frames(path)).map((frame) => frame.topic);
        expect([patterns, ...named(topics)]).toEqual([patterns, ...wanted]);
      }
      const newest = await it.ask(`/last/${topic}`);
      const oldest = await it.ask(`/first/${topic}`);
      if (wanted.length === 0) {
        expect([newest.status, oldest.status]).toEqual([404, 404]);
        continue;
      }
      const ends = framesOf(`${await oldest.text()}\n${await newest.text()}`);
      expect(named(ends.map((frame) => frame.topic))).toEqual([
        wanted[0] ?? "",
        wanted.at(-1) ?? "",
      ]);
      const all = await it.frames(`/stream/${topic}`);
      const second = await it.ask(`/${all[0]?.id}/next?topic=${topic}`);
      expect(second.status).toBe(all.length > 1 ? 200 : 404);
      if (all.length > 1) expect(await second.json()).toEqual(all[1]);
    }
    // The option may be there several times: the lists are one.
    const [one, two] = [list("*.recv"), list("!tcp.recv")];
    expect(await it.ids(`/?topic=${one}&topic=${two}`)).toHaveLength(1);
  });

  test("a follower gets what its patterns take, of topics that are new as well", async () => {
    const { root, list, named } = await below("tcp.recv", "tcp.send");
    const lines = await it.follow(`/?follow&topic=${list("*.recv,new.*,!*.skip")}`);
    expect((await lines.take(2)).map(topicOf)).toEqual([`${root}.tcp.recv`, THRESHOLD]);
    for (const name of ["tcp.send", "born.recv", "new.skip", "new.a.skip", "recv", "new.b"]) {
      await it.append(`${root}.${name}`);
    }
    expect(named((await lines.take(3)).map(topicOf))).toEqual(["born.recv", "new.a.skip", "new.b"]);
    await lines.cancel();
    const events = await it.follow(`/?follow&tail&topic=${list("*,!noise")}`, {
      accept: "text/event-stream",
    });
    await events.through((line) => line.includes(THRESHOLD));
    for (const name of ["noise", "signal"]) await it.append(`${root}.${name}`);
    const seen = await events.through((line) => line.includes(`${root}.`));
    expect(seen.join("\n")).toContain(`${root}.signal`);
    expect(seen.join("\n")).not.toContain(`${root}.noise`);
    await events.cancel();
  });

  test("a read that waits passes over what is taken away", async () => {
    const { root, list } = await below("noise");
    const answer = it.text(`/?wait=60000&topic=${list("*,!noise")}`);
    await it.append(`${root}.noise`);
    const wanted = await it.append(`${root}.signal`);
    expect(framesOf(await answer)).toEqual([wanted]);
  });

  test("what is no pattern is refused, with what one is", async () => {
    for (const [pattern, named] of [
      ["a*", "a * stands alone between dots"],
      ["*a.b", "a * stands alone between dots"],
      ["a.**", "a * stands alone between dots"],
      ["!", "a ! stands before the pattern"],
      ["!!a", "more than one !"],
      ["!a", '"*,!a"'],
      ["!a,!b.*", '"*,!a,!b.*"'],
      ["a..b", "may not hold '..'"],
      ["a,,b", "empty part"],
      [Array.from({ length: 101 }, (_, n) => `t${n}.*.x`).join(), "at most 100 patterns"],
    ] as const) {
      const topic = encodeURIComponent(pattern);
      for (const path of [
        `/?topic=${topic}`,
        `/stream/${topic}`,
        `/last/${topic}`,
        `/first/${topic}`,
      ]) {
        await it.refuses(`GET ${path}`, `400 bad_topic ${named}`);
      }
    }
    const { id } = await it.append(it.fresh());
    await it.refuses(`GET /${id}/next?topic=!a`, "400 bad_topic");
    // No frame has such a topic.
    await it.refuses("POST /stream/a.*.b", "400 bad_topic", { method: "POST" });
  });
});
