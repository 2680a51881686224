import { expect, test } from "bun:test";
import { contract, type Frame, linesOf, timeIn } from "./subject.ts";

interface Scheduled {
  readonly scheduled: string;
}

contract((it) => {
  const scheduled = async (topic: string) =>
    linesOf(await it.text("/-/scheduled")).filter((line) => line.includes(`"topic":"${topic}"`));

  test("an append for a time that has passed gets an id of that time, and comes to followers", async () => {
    const topic = it.fresh();
    const now = await it.append(topic);
    const follower = await it.follow(`/?follow&tail&topic=${topic}`);
    await follower.take(1);
    const at = "2020-02-29T23:59:59.999Z";
    const past = await it.append(topic, "content", `at=${at}`);
    expect(timeIn(past.id)).toBe(at);
    expect(JSON.parse((await follower.take(1))[0] ?? "")).toEqual(past);
    await follower.cancel();
    expect(await it.ids(`/stream/${topic}`)).toEqual([past.id, now.id]);
    expect(await it.ids(`/stream/${topic}?order=arrival`)).toEqual([now.id, past.id]);
    const body = JSON.stringify({ topic, at: "2020-03-01T01:00:00+01:00" });
    const line = (await (await it.post("/stream", body)).json()) as Frame;
    expect(timeIn(line.id)).toBe("2020-03-01T00:00:00.000Z");
  });

  test("an append for a time to come is kept, listed, and comes when it is due", async () => {
    const topic = it.fresh();
    const at = new Date(Date.now() + 3000).toISOString();
    const response = await it.post(`/stream/${topic}?at=${at}&ttl=last:3`, "x", {
      "xs-meta": "[1.0]",
    });
    const answer = (await response.json()) as Scheduled;
    expect([response.status, Object.keys(answer)]).toEqual([202, ["scheduled", "at", "topic"]]);
    expect(answer).toMatchObject({ at, topic });
    const follower = await it.follow(`/?follow&topic=${topic}`);
    const [, line = ""] = await follower.take(2);
    await follower.cancel();
    const { id } = JSON.parse(line) as Frame;
    expect(line).toContain('"meta":[1.0],"ttl":"last:3"}');
    expect(timeIn(id) >= at).toBe(true);
    expect(await it.text(`/${id}/content`)).toBe("x");
    expect(await scheduled(topic)).toEqual([]);
  });

  test("one that is removed does not come, and is a 404 from then on", async () => {
    const topic = it.fresh();
    const lines = ["2098-01-01", "2097-01-01"].map((at) => JSON.stringify({ topic, at }));
    const response = await it.post("/stream", lines.join("\n"));
    expect(response.status).toBe(202);
    const ids = linesOf(await response.text()).map(
      (line) => (JSON.parse(line) as Scheduled).scheduled,
    );
    const listed = (await scheduled(topic)).map(
      (line) => (JSON.parse(line) as Scheduled).scheduled,
    );
    expect(listed).toEqual(ids.toReversed());
    for (const id of ids) {
      expect((await it.ask(`/-/scheduled/${id}`, { method: "DELETE" })).status).toBe(204);
      await it.refuses(`DELETE /-/scheduled/${id}`, "404 not_found");
    }
    expect(await scheduled(topic)).toEqual([]);
    for (const query of [
      "at=soon",
      "at=",
      "at=1960-01-01",
      "at=9999-01-01",
      "at=2020-01-01&ttl=ephemeral",
    ]) {
      await it.refuses(`POST /stream/${topic}?${query}`, "400 bad_option");
    }
  });
});
