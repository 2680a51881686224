import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { contract, type Frame, ID, KEYS, linesOf, NO_ID, sri, timeIn } from "./subject.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

contract((it) => {
  const batch = (line: object | string, query = "") =>
    it.post(`/stream?${query}`, typeof line === "string" ? line : JSON.stringify(line));

  test("an append gives the frame: its keys, always, in their order", async () => {
    const topic = it.fresh();
    const lines: string[] = [];
    for (const path of ["/stream/", "/append/", "/"]) {
      const response = await it.post(`${path}${topic}`, "hello", { "xs-meta": '{"n":1}' });
      expect(response.headers.get("content-type")).toStartWith("application/json");
      lines.push((await response.text()).trimEnd());
    }
    for (const line of lines) {
      const { id } = JSON.parse(line) as Frame;
      const start = `{"topic":"${topic}","id":"${id}","hash":"${sri("hello")}"`;
      expect(line).toBe(`${start},"meta":{"n":1},"ttl":"forever"}`);
      for (const path of [id, id.toUpperCase()])
        expect(linesOf(await it.text(`/${path}`))).toEqual([line]);
    }
    expect(linesOf(await it.text(`/stream/${topic}`))).toEqual(lines);
    const empty = { topic, id: expect.stringMatching(ID), hash: null, meta: null, ttl: "forever" };
    expect(await it.append(topic)).toEqual(empty);
  });

  test("with-timestamp adds the time in the id, as a last key", async () => {
    const topic = it.fresh();
    const { id } = await it.append(topic, "", "with-timestamp=no");
    for (const response of [
      await it.post(`/stream/${topic}?with-timestamp`),
      await batch({ topic }, "with-timestamp=true"),
      await it.ask(`/${id}?with-timestamp=yes`),
      await it.ask(`/stream/${topic}?with-timestamp&limit=1`),
      await it.ask(`/last/${topic}?with-timestamp`),
    ]) {
      const frame = (await response.json()) as Frame;
      expect(Object.keys(frame)).toEqual([...KEYS, "timestamp"]);
      expect(frame.timestamp).toBe(timeIn(frame.id));
    }
    expect(Object.keys(JSON.parse(await it.text(`/${id}`)))).toEqual(KEYS);
  });

  test("ids increase in the order of the log, with several writers", async () => {
    const topic = it.fresh();
    const writer = async () => {
      const ids: string[] = [];
      for (let n = 0; n < 25; n++) ids.push((await it.append(topic)).id);
      expect(ids).toEqual(ids.toSorted());
      return ids;
    };
    const all = (await Promise.all([writer(), writer(), writer(), writer()])).flat();
    expect(await it.ids(`/stream/${topic}`)).toEqual(all.toSorted());
    expect(new Set(all).size).toBe(100);
  });

  test("a topic is of the form that is told, and the runtime's are reserved", async () => {
    const root = it.fresh();
    for (const topic of [`${root}.A_b-c.9`, root.padEnd(255, "x")]) {
      expect((await it.append(topic)).topic).toBe(topic);
    }
    const wrong = ["9a", "-a", ".a", "a..b", "a.", "a b", "é", "a*", "a,b", root.padEnd(256, "x")];
    for (const topic of wrong) {
      for (const path of ["/stream/", "/append/"]) {
        await it.refuses(`POST ${path}${encodeURIComponent(topic)}`, "400 bad_topic");
      }
    }
    for (const topic of ["start", "threshold", "x.y"].map((end) => `stream.cross.${end}`)) {
      await it.refuses(`POST /stream/${topic}`, `403 reserved_topic ${topic}`);
      expect((await batch({ topic })).status).toBe(403);
    }
    // A topic that is a route is written below /stream/.
    for (const topic of ["first", "version", "eval", "stream"]) {
      expect((await it.append(topic, "", "ttl=ephemeral")).topic).toBe(topic);
    }
  });

  test("meta is JSON, or base64 of it, and keeps its numbers", async () => {
    const topic = it.fresh();
    const numbers = '{"a":1234567890123456789,"b":1e400,"c":1.0,"d":-0,"e":[0.10]}';
    const metas = [numbers, "null", "0", '"€ \\u0000 \\"x\\""', "[]", nested(128), '{"z":1,"a":2}'];
    const lines: string[] = [];
    for (const meta of metas) {
      const header = (value: string) => it.post(`/stream/${topic}`, "", { "xs-meta": value });
      for (const response of [
        await header(Buffer.from(meta).toString("latin1")),
        await header(base64(meta)),
        await batch(`{"topic":"${topic}","meta":${meta}}`),
      ]) {
        const line = (await response.text()).trimEnd();
        expect(JSON.stringify(JSON.parse(line).meta)).toBe(JSON.stringify(JSON.parse(meta)));
        lines.push(line);
      }
    }
    expect(lines.filter((line) => line.includes(`"meta":${numbers},`))).toHaveLength(3);
    expect(linesOf(await it.text(`/stream/${topic}`))).toEqual(lines);
  });

  test("meta has bounds: 64 KiB, and 128 levels", async () => {
    const topic = it.fresh();
    if (it.door.isInProcess) return;
    const full = base64(`"${"x".repeat(65_534)}"`);
    expect((await it.append(topic, "", "", { "xs-meta": full })).meta).toHaveLength(65_534);
    for (const [meta, problem] of [
      [base64(`"${"x".repeat(65_535)}"`), "413 meta_too_large"],
      [nested(129), "400 too_deep"],
      ["{", "400 bad_meta"],
      ["no JSON", "400 bad_meta"],
      ["", "400 bad_meta"],
    ] as const) {
      await it.refuses(`POST /stream/${topic}`, problem, { headers: { "xs-meta": meta } });
    }
    expect(await it.ids(`/stream/${topic}`)).toHaveLength(1);
  });

  test("a body that is cut off commits nothing", async () => {
    const topic = it.fresh();
    const head = `POST /stream/${topic} HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer TOKEN\r\n`;
    for (const rest of [
      "Content-Length: 9\r\n\r\nhalf",
      "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ]) {
      using connection = await it.send(`${head}${rest}`);
      await connection.hangUp();
    }
    const { id } = await it.append(topic, "after");
    expect(await it.ids(`/stream/${topic}`)).toEqual([id]);
  });

  test("DELETE removes a frame, also one that is not there", async () => {
    const topic = it.fresh();
    const { id } = await it.append(topic, "x");
    for (const path of [`/${id}`, `/${id}`, `/${NO_ID}`]) {
      const response = await it.ask(path, { method: "DELETE" });
      expect([path, response.status, await response.text()]).toEqual([path, 204, ""]);
    }
    await it.refuses(`GET /${id}`, "404 not_found");
    expect(await it.ids(`/stream/${topic}`)).toEqual([]);
  });

  test("an import keeps ids, takes deeper meta, and is safe to do again", async () => {
    const topic = it.fresh();
    const line = (id = "", meta = "1.0", ttl = '"forever"') =>
      `{"topic":"${topic}","id":"${id}","hash":null,"meta":${meta},"ttl":${ttl}}`;
    const ids = Array.from({ length: 3 }, () => `00${randomBytes(12).toString("hex").slice(1)}`);
    const [a, b, c] = ids.toSorted();
    expect(linesOf(await (await it.post("/import", line(b))).text())).toEqual([line(b)]);
    const all = [line(c, nested(200)), line(b), line(a, "1e400", "null")].join("\n");
    for (const added of [2, 0]) {
      expect(await (await it.post("/import", all)).json()).toMatchObject({ frames: 3, added });
    }
    const kept = [line(a, "1e400"), line(b), line(c, nested(200))];
    await it.refuses("POST /import", "400 bad_frame 2", { body: `${line(NO_ID)}\n{"topic":"x"}` });
    expect(linesOf(await it.text(`/stream/${topic}`))).toEqual(kept);
  });
});
