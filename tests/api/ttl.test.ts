import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/wait.ts";
import { idsOf, Subject, topicOf } from "./with-store.ts";

/** Every way to come by a frame of the topic "note". */
function readsOf(id: string, neighbour: string): string[] {
  return [
    `/${id}`,
    `/${id}/content`,
    `/${neighbour}/next?topic=note`,
    "/",
    "/stream/note",
    "/?topic=note,other",
    "/?order=desc",
    "/?last=9",
    "/?topic=note&last=9",
    `/?from=${id}`,
    "/first/note",
    "/first/note?limit=9",
    "/last/note",
    "/last/note?last=9",
  ];
}

test("last:n keeps the n newest of its topic, from the answer of the append on", async () => {
  await using subject = new Subject();
  const other = await subject.append("other", "o", "ttl=last:1");
  const ids: string[] = [];
  for (let n = 1; n <= 5; n++) {
    ids.push((await subject.append("note", String(n), "ttl=last:2")).id);
    expect(await subject.ids("/stream/note")).toEqual(ids.slice(-2));
  }
  for (const path of readsOf(ids[0] ?? "", other.id)) {
    expect(await (await subject.ask(path)).text()).not.toContain(`"id":"${ids[0]}"`);
  }
  expect(await subject.ids()).toEqual([other.id, ...ids.slice(-2)]);
});

test("a frame of time:ms is in no read of any kind once its time is over", async () => {
  await using subject = new Subject();
  const before = await subject.append("other");
  const { id } = await subject.append("note", "soon gone", "ttl=time:300");
  expect(await subject.ids("/stream/note")).toEqual([id]);
  await until("the frame is gone", async () => (await subject.ask(`/${id}`)).status === 404);
  for (const path of readsOf(id, before.id)) {
    expect([path, await (await subject.ask(path)).text()]).not.toContain(`"id":"${id}"`);
  }
  expect((await subject.ask(`/${id}/content`)).status).toBe(404);
  expect(await subject.ids()).toEqual([before.id]);
});

test("an ephemeral frame is seen live, in order with the rest, and in no other read", async () => {
  await using subject = new Subject();
  const before = await subject.append("other");
  const lines = await subject.follow("/?follow&tail");
  await subject.append("stored", "1");
  const { id } = await subject.append("note", "now or never", "ttl=ephemeral");
  await subject.append("stored", "2");
  const live = await lines.take(4);
  expect(live.map(topicOf)).toEqual(["stream.cross.threshold", "stored", "note", "stored"]);
  expect(idsOf(live.map((line) => JSON.parse(line)))).toContain(id);
  await lines.cancel();
  for (const path of readsOf(id, before.id)) {
    expect(await (await subject.ask(path)).text()).not.toContain(`"id":"${id}"`);
  }
});

test("the content of an ephemeral frame is there for a live reader", async () => {
  await using subject = new Subject();
  const lines = await subject.follow("/?follow&tail");
  const { hash } = await subject.append("note", "now or never", "ttl=ephemeral");
  await lines.take(2);
  expect(await (await subject.ask(`/cas/${hash}`)).text()).toBe("now or never");
  await lines.cancel();
});

test("the content of an ephemeral frame is not written to disk", async () => {
  await using subject = new Subject();
  await subject.append("stored", "kept content");
  await subject.append("note", "now or never", "ttl=ephemeral");
  await subject.close();
  const found = new Map<string, boolean>();
  for (const name of readdirSync(subject.store.path, { recursive: true, encoding: "utf8" })) {
    const file = Bun.file(join(subject.store.path, name));
    const text = await file.text().catch(() => "");
    for (const content of ["kept content", "now or never"]) {
      if (text.includes(content)) found.set(content, true);
    }
  }
  expect([...found.keys()]).toEqual(["kept content"]);
});

test("last:1 never leaves a topic empty, also while what replaces a frame is not durable yet", async () => {
  await using subject = new Subject();
  await subject.append("note", "0", "ttl=last:1");
  let writing = true;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    for (let n = 0; n < 50; n++) await subject.append("note", `${writer} ${n}`, "ttl=last:1");
  });
  void Promise.all(writers).then(() => {
    writing = false;
  });
  const statuses = new Set<number>();
  while (writing) {
    for (const path of ["/last/note", "/first/note"]) {
      statuses.add((await subject.ask(path)).status);
    }
    await Bun.sleep(0);
  }
  await Promise.all(writers);
  expect([...statuses]).toEqual([200]);
});
