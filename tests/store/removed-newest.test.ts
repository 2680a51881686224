// The newest frames may be removed. What comes after the next open is counted, and ids go on increasing.
import { expect, test } from "bun:test";
import { append, problemsOf, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";

const NOW = 1_800_000_000_000;

test("frames that come after all were removed are counted", async () => {
  const path = `${tempDir()}/store`;
  const first = sqliteEngine(path);
  // The table of topics has counts from some hundreds of frames on.
  const frames = await Promise.all(Array.from({ length: 600 }, () => append(first, "a")));
  for (const { id } of frames) await first.remove(id);
  await first.close();
  const second = sqliteEngine(path);
  await append(second, "b");
  expect([second.metrics.frames, await problemsOf(second)]).toEqual([1, []]);
  await second.close();
  const third = sqliteEngine(path);
  expect([third.metrics.frames, await problemsOf(third)]).toEqual([1, []]);
  await third.close();
});

test.each([
  ["removed", "forever"],
  ["expired", "time:1000"],
])(
  "ids stay above that of the newest frame, which was %s, when the clock goes back",
  async (_, ttl) => {
    const path = `${tempDir()}/store`;
    let now = NOW;
    const first = sqliteEngine(path, () => now);
    await append(first, "a");
    now += 1000;
    const { id } = await append(first, "a", { ttl });
    if (ttl === "forever") await first.remove(id);
    now += 2000;
    await first.close();
    const second = sqliteEngine(path, () => NOW - 3_600_000);
    expect((await append(second, "a")).id > id).toBe(true);
    expect(await problemsOf(second)).toEqual([]);
    await second.close();
  },
);
