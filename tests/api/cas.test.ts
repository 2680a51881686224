import { expect, test } from "bun:test";
import { hashOf } from "../../src/core/hash.ts";
import { expectProblem, Subject } from "./with-store.ts";

const CONTENT = "0123456789";

async function keep(subject: Subject, content: string): Promise<string> {
  const response = await subject.post("/cas", content);
  expect(response.status).toBe(200);
  return response.text();
}

test("POST /cas gives the hash as text, and GET gives the content back", async () => {
  await using subject = new Subject();
  for (const content of [CONTENT, "", "x".repeat(300 * 1024)]) {
    const hash = await keep(subject, content);
    expect(hash).toBe(hashOf(Buffer.from(content)));
    expect(await keep(subject, content)).toBe(hash);
    for (const path of [`/cas/${hash}`, `/cas/${encodeURIComponent(hash)}`]) {
      const response = await subject.ask(path);
      expect(response.status).toBe(200);
      expect((await response.text()) === content).toBe(true);
    }
  }
});

test("a hash with a slash and a plus is found as it is", async () => {
  await using subject = new Subject();
  let n = 0;
  const hashOfNumber = () => hashOf(Buffer.from(String(n)));
  while (!/\/.*\+/.test(hashOfNumber())) n++;
  await keep(subject, String(n));
  expect(await (await subject.ask(`/cas/${hashOfNumber()}`)).text()).toBe(String(n));
});

test("content has an ETag and is never guessed at", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  const { headers } = await subject.ask(`/cas/${hash}`);
  expect(headers.get("etag")).toBe(`"${hash}"`);
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("accept-ranges")).toBe("bytes");
  expect(headers.get("content-length")).toBe("10");
});

test("stored bytes run nothing in a browser, however they are asked for", async () => {
  await using subject = new Subject();
  const { id, hash } = await subject.append("note", "<script>alert(1)</script>");
  await subject.ask("/kv/page", {
    method: "PUT",
    body: "<script>alert(1)</script>",
    headers: { "content-type": "text/html" },
  });
  await (await subject.post("/stream/log?chunked=lines", "a\nb\n")).text();
  const [first] = await subject.frames("/stream/log");
  const asked: [number, string, RequestInit?][] = [];
  for (const path of [`/cas/${hash}`, `/${id}/content`]) {
    asked.push([200, path], [200, path, { method: "HEAD" }]);
    asked.push([206, path, { headers: { range: "bytes=0-7" } }]);
    asked.push([304, path, { headers: { "if-none-match": "*" } }]);
    asked.push([304, path, { method: "HEAD", headers: { "if-none-match": "*" } }]);
  }
  asked.push([200, "/kv/page"], [200, "/kv/page", { method: "HEAD" }]);
  asked.push([304, "/kv/page", { headers: { "if-none-match": "*" } }]);
  asked.push([200, `/${first?.id}/content`], [200, `/${first?.id}/content`, { method: "HEAD" }]);
  asked.push([200, "/export"], [200, "/export", { method: "HEAD" }]);
  for (const [status, path, init] of asked) {
    const response = await subject.ask(path, init);
    await response.body?.cancel();
    expect([path, response.status]).toEqual([path, status]);
    const { headers } = response;
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("content-security-policy")).toBe("sandbox");
  }
});

test("a client that has the content gets 304", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  const ask = (headers: Record<string, string>, method = "GET") =>
    subject.ask(`/cas/${hash}`, { headers, method });
  for (const tag of [
    `"${hash}"`,
    `W/"${hash}"`,
    `"other", "${hash}"`,
    `"other",W/"${hash}"`,
    `"a, b" , "${hash}"`,
    `, "${hash}",`,
    "*",
    " * ",
  ]) {
    for (const method of ["GET", "HEAD"]) {
      // A range or another condition does not count where this one holds (RFC 9110, 13.2.2).
      for (const more of [{}, { range: "bytes=0-1" }, { range: "bytes=99-", "if-range": '"x"' }]) {
        const response = await ask({ "if-none-match": tag, ...more }, method);
        expect([tag, response.status]).toEqual([tag, 304]);
        expect(await response.text()).toBe("");
        expect(response.headers.get("etag")).toBe(`"${hash}"`);
        expect(response.headers.get("content-length")).toBeNull();
      }
    }
  }
  for (const tag of [
    '"other"',
    `"x${hash}"`,
    `"${hash}x"`,
    `"a ${hash} b"`,
    `"a, ${hash}"`,
    '""',
    "",
  ]) {
    expect([tag, (await ask({ "if-none-match": tag })).status]).toEqual([tag, 200]);
  }
});

test("If-Match lets a read happen only of what it names", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  const ask = (tag: string) => subject.ask(`/cas/${hash}`, { headers: { "if-match": tag } });
  for (const tag of ["*", `"${hash}"`, `"other", "${hash}"`]) {
    expect([tag, (await ask(tag)).status]).toEqual([tag, 200]);
  }
  for (const tag of ['"other"', `W/"${hash}"`]) {
    const response = await ask(tag);
    expect([tag, response.status]).toEqual([tag, 412]);
    expect(await response.json()).toMatchObject({ code: "precondition_failed", actual: hash });
  }
});

test("If-Range gives a part only of what it names, else the whole", async () => {
  await using subject = new Subject();
  const { id, hash } = await subject.append("note", CONTENT);
  for (const path of [`/cas/${hash}`, `/${id}/content`]) {
    for (const [tag, status] of [
      [`"${hash}"`, 206],
      ['"other"', 200],
      // RFC 9110, 13.1.5: the comparison is the strong one, and there is one tag.
      [`W/"${hash}"`, 200],
      [`"other", "${hash}"`, 200],
      ["*", 200],
      ["Thu, 26 Nov 2026 13:00:00 GMT", 200],
      ["", 200],
    ] as const) {
      const part = await subject.ask(path, { headers: { range: "bytes=2-4", "if-range": tag } });
      const body = await part.text();
      expect([tag, part.status, body]).toEqual([tag, status, status === 206 ? "234" : CONTENT]);
      const beyond = await subject.ask(path, { headers: { range: "bytes=99-", "if-range": tag } });
      expect([tag, beyond.status]).toEqual([tag, status === 206 ? 416 : 200]);
    }
    const alone = await subject.ask(path, { headers: { "if-range": `"${hash}"` } });
    expect([alone.status, await alone.text()]).toEqual([200, CONTENT]);
  }
});

test("HEAD knows no ranges, and a unit counts in either case", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  const head = { method: "HEAD", headers: { range: "bytes=0-1" } };
  const { status, headers } = await subject.ask(`/cas/${hash}`, head);
  expect([status, headers.get("content-length")]).toEqual([200, "10"]);
  const upper = await subject.ask(`/cas/${hash}`, { headers: { range: "Bytes=0-1" } });
  expect([upper.status, await upper.text()]).toEqual([206, "01"]);
});

test("a range gives its part", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  const cases: [range: string, body: string, where: string][] = [
    ["bytes=0-0", "0", "0-0"],
    ["bytes=2-4", "234", "2-4"],
    ["bytes=7-", "789", "7-9"],
    ["bytes=-3", "789", "7-9"],
    ["bytes=-99", CONTENT, "0-9"],
    ["bytes=5-99", "56789", "5-9"],
  ];
  for (const [range, body, where] of cases) {
    const response = await subject.ask(`/cas/${hash}`, { headers: { range } });
    expect([range, response.status]).toEqual([range, 206]);
    expect(await response.text()).toBe(body);
    expect(response.headers.get("content-range")).toBe(`bytes ${where}/10`);
    expect(response.headers.get("content-length")).toBe(String(body.length));
  }
});

test("a range that we do not know is ignored", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  for (const range of ["lines=1-2", "bytes=4-2", "bytes=", "bytes=0-1,3-4", "x"]) {
    const response = await subject.ask(`/cas/${hash}`, { headers: { range } });
    expect([range, response.status, await response.text()]).toEqual([range, 200, CONTENT]);
  }
});

test("a range outside the content is 416 and tells the size", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  for (const range of ["bytes=10-", "bytes=99-100", "bytes=-0"]) {
    const response = await subject.ask(`/cas/${hash}`, { headers: { range } });
    // RFC 9110, 15.5.17: the size is told in Content-Range.
    expect([range, response.headers.get("content-range")]).toEqual([range, "bytes */10"]);
    await expectProblem(response, 416, "range_not_satisfiable", "10");
  }
});

test("HEAD tells what GET would, without the content", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  const response = await subject.ask(`/cas/${hash}`, { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-length")).toBe("10");
  expect(await response.text()).toBe("");
});

test("unknown content is 404 and names the hash, a malformed hash is 400", async () => {
  await using subject = new Subject();
  const hash = hashOf(Buffer.from("never stored"));
  await expectProblem(await subject.ask(`/cas/${hash}`), 404, "content_not_found", "sha256-");
  for (const bad of ["x", "sha256-x", hash.slice(0, -1), `${hash}=`, "../../etc/passwd", ""]) {
    await expectProblem(await subject.ask(`/cas/${encodeURIComponent(bad)}`), 400, "bad_hash");
  }
});

test("an unknown option of /cas is named", async () => {
  await using subject = new Subject();
  await expectProblem(await subject.post("/cas?x=1", "x"), 400, "bad_option", "x");
});
