import { expect, test } from "bun:test";
import { contract, expectProblem, framesOf, linesOf } from "./subject.ts";

contract((it) => {
  const get = (...headers: string[]) =>
    it.answerTo(`GET /health HTTP/1.1\r\n${headers.map((line) => `${line}\r\n`).join("")}\r\n`);
  const bearer = "Authorization: Bearer TOKEN";

  test("the server tells that it lives, which version it is and what runs", async () => {
    expect(JSON.parse(await it.text("/health"))).toEqual({ status: "ok" });
    const response = await it.ask("/version");
    expect(await response.json()).toEqual({ version: response.headers.get("xs-version") });
    const ps = await it.ask("/ps");
    expect(ps.headers.get("content-type")).toStartWith("application/x-ndjson");
    for (const line of linesOf(await ps.text())) expect(JSON.parse(line)).toBeObject();
    const metrics = await it.ask("/metrics");
    expect(metrics.headers.get("content-type")).toMatch(/^text\/plain.*version=0\.0\.4/);
    expect(await metrics.text()).toMatch(/^# (HELP|TYPE) xs_/m);
    const [start] = framesOf(await it.text("/last/stream.cross.start"));
    const meta = { version: expect.stringMatching(/./), pid: expect.any(Number) };
    expect(start).toMatchObject({ hash: null, meta });
  });

  test("without the token there is nothing but 401", async () => {
    const { token } = it.door;
    if (token === undefined) return;
    const topic = it.fresh();
    for (const [authorization, named] of [
      [undefined, "token"],
      [token, "form"],
      [`Basic ${token}`, "form"],
      [`Bearer ${token.slice(0, -1)}`, "not that of this store"],
      [`Bearer ${token}x`, "not that of this store"],
    ] as const) {
      const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
      for (const asked of [
        ...["GET /", "GET /?follow", "GET /health", "GET /nothing/here", "OPTIONS /"],
        ...[`POST /stream/${topic}`, `PUT /kv/${topic}`],
      ]) {
        const [method = "", path = ""] = asked.split(" ");
        const response = await it.bare(path, { method, headers });
        expect(response.headers.get("www-authenticate")).toStartWith("Bearer");
        expect(response.headers.get("xs-version")).toMatch(/./);
        await expectProblem(response, `401 unauthorized ${named}`);
      }
    }
    expect(await get("Host: elsewhere", "Origin: http://elsewhere")).toBe("401 unauthorized");
    expect(await it.ids(`/stream/${topic}`)).toEqual([]);
  });

  test("Host has to be a name of the server where a token is asked for, and always a host", async () => {
    const named = it.door.token !== undefined;
    expect(await get("Host: HOST", bearer)).toBe("200");
    expect(await get("Host: elsewhere.example:80", bearer)).toBe(named ? "400 bad_host" : "200");
    expect(await get("Host: HOST.evil.example", bearer)).toBe(named ? "400 bad_host" : "200");
    for (const host of ["a b", "a/b", "u@a", "a:99999", "a:b", "[::1", "a,b"]) {
      expect([host, await get(`Host: ${host}`, bearer)]).toEqual([host, "400 bad_host"]);
    }
    expect(await get(bearer)).toStartWith("400");
    const old = `GET /health HTTP/1.0\r\n${bearer}\r\n\r\n`;
    if (it.door.unix) expect(await it.answerTo(old)).toBe("200");
  });

  test("a page of another origin can neither read nor write, and there are no CORS headers", async () => {
    const topic = it.fresh();
    const response = await it.ask("/health");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    if (it.door.token === undefined) return;
    expect(await get("Host: HOST", bearer, "Origin: http://HOST")).toBe("200");
    for (const origin of ["null", "http://evil.example", "https://HOST", "http://HOST.evil", ""]) {
      const answer = await get("Host: HOST", bearer, `Origin: ${origin}`);
      expect([origin, answer]).toEqual([origin, "403 foreign_origin"]);
    }
    const refused = await it.post(`/stream/${topic}`, "x", { origin: "http://evil.example" });
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();
    await expectProblem(refused, "403 foreign_origin");
    expect(await it.ids(`/stream/${topic}`)).toEqual([]);
  });
});
