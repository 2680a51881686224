import { expect, test } from "bun:test";
import { importLine, lateId } from "../support/late.ts";
import { contract, expectProblem, linesOf, NO_ID } from "./subject.ts";

contract((it) => {
  const listed = async (pattern: string) =>
    linesOf(await it.text(`/-/topics?topic=${encodeURIComponent(pattern)}`)).map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );

  test("GET /-/topics lists the topics that have frames, by name, with counts and ends", async () => {
    const root = it.fresh();
    const [first, , last] = await it.appendMany(`${root}.b`, 3);
    const one = await it.append(`${root}.a.deep`);
    const upper = await it.append(`${root}.Z`);
    const own = await it.append(root);
    await it.append(`${root}.none`, "", "ttl=ephemeral");
    const gone = await it.append(`${root}.gone`);
    await it.ask(`/${gone.id}`, { method: "DELETE" });
    const line = (topic: string, frames: number, from?: string, to = from) => ({
      topic,
      frames,
      first: from,
      last: to,
    });
    expect(await listed(`${root}.*`)).toEqual([
      line(`${root}.Z`, 1, upper.id),
      line(`${root}.a.deep`, 1, one.id),
      line(`${root}.b`, 3, first?.id, last?.id),
    ]);
    expect(await listed(`${root},${root}.a.*`)).toEqual([
      line(root, 1, own.id),
      line(`${root}.a.deep`, 1, one.id),
    ]);
    expect(await listed(`${root}.nothing`)).toEqual([]);
    // What is removed does not count, whether it was the first or the last.
    await it.ask(`/${first?.id}`, { method: "DELETE" });
    await it.ask(`/${last?.id}`, { method: "DELETE" });
    const [left] = await listed(`${root}.b`);
    expect(left).toMatchObject({ frames: 1 });
    expect(left?.first).toBe(left?.last);
    const [raw = ""] = linesOf(await it.text(`/-/topics?topic=${root}`));
    expect(raw).toBe(JSON.stringify(line(root, 1, own.id)));
  });

  test("late frames count, and may be the first", async () => {
    const topic = it.fresh();
    const { id } = await it.append(topic);
    const late = lateId(Number.parseInt(topic.replaceAll(/\D/g, "").slice(-5), 10) + 1);
    await it.text("/import", { method: "POST", body: importLine(topic, late, 1) });
    expect(await listed(topic)).toEqual([{ topic, frames: 2, first: late, last: id }]);
  });

  test("the listing is NDJSON, or events; it takes HEAD, and no other option", async () => {
    const topic = it.fresh();
    const { id } = await it.append(topic);
    const response = await it.ask(`/-/topics?topic=${topic}`);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    await response.text();
    const accept = { headers: { accept: "text/event-stream" } };
    expect(await it.text(`/-/topics?topic=${topic}`, accept)).toStartWith(`id: ${id}\ndata: {`);
    expect((await it.ask("/-/topics", { method: "HEAD" })).status).toBe(200);
    await it.refuses("GET /-/topics?topic=a..b", "400 bad_topic a..b");
    await it.refuses("GET /-/topics?limit=1", "400 bad_option limit");
    const post = await it.post("/-/topics");
    expect(post.headers.get("allow")).toBe("GET, HEAD");
    await expectProblem(post, "405 method_not_allowed");
  });

  test("GET /-/info has facts of the store", async () => {
    const { id } = await it.append(it.fresh());
    const facts = JSON.parse(await it.text("/-/info")) as Record<string, unknown>;
    expect(facts).toMatchObject({ version: expect.any(String), serves: true });
    expect(String(facts.last) >= id && id > NO_ID).toBe(true);
  });
});
