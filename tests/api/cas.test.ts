import { expect, test } from "bun:test";
import { hashOf } from "../../src/frame/hash.ts";
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

test("a client that has the content gets 304", async () => {
  await using subject = new Subject();
  const hash = await keep(subject, CONTENT);
  for (const tag of [`"${hash}"`, `W/"${hash}"`, `"other", "${hash}"`, "*"]) {
    const response = await subject.ask(`/cas/${hash}`, { headers: { "if-none-match": tag } });
    expect([tag, response.status]).toEqual([tag, 304]);
    expect(await response.text()).toBe("");
    expect(response.headers.get("etag")).toBe(`"${hash}"`);
  }
  const other = await subject.ask(`/cas/${hash}`, { headers: { "if-none-match": '"other"' } });
  expect(other.status).toBe(200);
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
