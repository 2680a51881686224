import { expect, test } from "bun:test";
import { timestampOf } from "../../src/core/id.ts";
import { importLine, lateId } from "../support/late.ts";
import { contract, expectProblem } from "./subject.ts";

interface Counts {
  readonly since: number;
  readonly step: number;
  readonly counts: readonly number[];
}

contract((it) => {
  const counts = async (query: Record<string, string>) =>
    JSON.parse(await it.text(`/-/histogram?${new URLSearchParams(query)}`)) as Counts;
  const sum = ({ counts }: Counts) => counts.reduce((all, each) => all + each, 0);

  test("GET /-/histogram counts the frames of topics over time", async () => {
    const root = it.fresh();
    const frames = [
      ...(await it.appendMany(`${root}.a`, 3)),
      ...(await it.appendMany(`${root}.b.c`, 2)),
    ];
    const since = timestampOf(frames[0]?.id ?? "");
    const all = await counts({ topic: `${root}.*`, steps: "7" });
    expect(all.since).toBe(since);
    expect(all.counts.length).toBeLessThanOrEqual(7);
    expect(sum(all)).toBe(5);
    expect(sum(await counts({ topic: `${root}.*,!${root}.a` }))).toBe(2);
    // A part of a millisecond each: every frame is in the step of its time.
    const until = new Date(since + 1000).toISOString();
    const fine = await counts({
      topic: `${root}.*`,
      since: new Date(since).toISOString(),
      until,
      steps: "1000",
    });
    expect(fine).toMatchObject({ since, step: 1 });
    const expected = new Array<number>(1000).fill(0);
    for (const { id } of frames) {
      const at = timestampOf(id) - since;
      if (at < 1000) expected[at] = (expected[at] ?? 0) + 1;
    }
    expect(fine.counts).toEqual(expected);
  });

  test("late frames count at their time; what was removed does not", async () => {
    const topic = it.fresh();
    const [one] = await it.appendMany(topic, 2);
    const late = lateId(Number.parseInt(topic.replaceAll(/\D/g, "").slice(-5), 10) + 1);
    await it.text("/import", { method: "POST", body: importLine(topic, late, 1) });
    await it.ask(`/${one?.id}`, { method: "DELETE" });
    const all = await counts({ topic, steps: "10" });
    expect(all.since).toBe(timestampOf(late));
    expect(sum(all)).toBe(2);
    expect(all.counts[0]).toBe(1);
    expect(all.counts.at(-1)).toBe(1);
  });

  test("a topic with nothing has counts of 0, and wrong options are named", async () => {
    expect(sum(await counts({ topic: it.fresh() }))).toBe(0);
    await expectProblem(await it.ask("/-/histogram?steps=0"), "400 bad_option");
    await expectProblem(await it.ask("/-/histogram?steps=1001"), "400 bad_option");
    await expectProblem(await it.ask("/-/histogram?since=soon"), "400 bad_option");
    await expectProblem(await it.ask("/-/histogram?topic=a*"), "400 bad_topic");
    const turned = "since=2026-11-27&until=2026-11-26";
    await expectProblem(await it.ask(`/-/histogram?${turned}`), "400 bad_option");
  });
});
