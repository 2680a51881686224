import { expect, test } from "bun:test";
import { READ_ALL } from "../../src/core/read-options.ts";
import { edit } from "../support/damage.ts";
import { parseLines } from "../support/server.ts";
import { append, problemsOf, readAll, sqliteEngine } from "../support/store.ts";
import { tempDir } from "../support/temp.ts";
import { storeContract } from "./contract.ts";

storeContract({
  name: "SQLite",
  open: sqliteEngine,
  supports: ["reopen", "lock", "clock", "import"],
});

test("a read gives what is before a damaged frame, names it, and goes on after it", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const frames = [];
  for (let n = 0; n < 300; n++) frames.push(await append(store, "a", { meta: `value ${n}` }));
  await store.close();
  const id = frames[150]?.id ?? "";
  edit(path, (db) => db.run("UPDATE frames SET line = replace(line, 'value 150', 'value 999')"));
  const again = sqliteEngine(path);
  for (const options of [{}, { topics: ["a"] }, { order: "desc" as const }]) {
    const wanted = options.order === "desc" ? frames.toReversed() : frames;
    const at = wanted.findIndex((frame) => frame.id === id);
    const reader = again.read({ ...READ_ALL, ...options });
    let text = "";
    const read = async () => {
      for (let page = await reader.next(); page; page = await reader.next()) {
        text += new TextDecoder().decode(page);
      }
    };
    await expect(read()).rejects.toThrow(id);
    expect(parseLines(text)).toEqual(wanted.slice(0, at));
    expect(await readAll(again, { ...options, after: id })).toEqual(wanted.slice(at + 1));
  }
  await again.remove(id);
  expect(await readAll(again)).toEqual(frames.filter((frame) => frame.id !== id));
  expect(await problemsOf(again)).toEqual([]);
  await again.close();
});

test("a frame that is found in the row of another is damaged, not given", async () => {
  const path = `${tempDir()}/store`;
  const store = sqliteEngine(path);
  const [one, other] = [await append(store, "a", { meta: 1 }), await append(store, "a")];
  await store.close();
  edit(path, (db) =>
    db.run(
      "UPDATE frames SET (crc, line) = (SELECT crc, line FROM frames WHERE seq = 2) WHERE seq = 1",
    ),
  );
  const again = sqliteEngine(path);
  expect(() => again.get(one.id)).toThrow(one.id);
  expect(again.get(other.id)).toBe(JSON.stringify(other));
  await expect(readAll(again)).rejects.toThrow("is damaged");
  expect((await problemsOf(again)).join()).toContain("does not match its checksum");
  await again.close();
});
