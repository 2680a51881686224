import { expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { XsError } from "../../src/core/error.ts";
import { refuse } from "../../src/gateway/refusal.ts";

test("a visitor learns nothing of the inside, and what there is to know of the request", async () => {
  let error: unknown;
  const server = createServer((request, response) => refuse(request, response, error));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const secret = "/home/alice/store/events.db";
  for (const [thrown, status] of [
    [new TypeError(`undefined is not an object: ${secret}`), 500],
    [Object.assign(new Error(secret), { code: "EMFILE" }), 503],
    [Object.assign(new Error(secret), { code: "ENOSPC" }), 507],
    [new XsError("store_failed", `cannot write ${secret}`), 503],
    [new XsError("content_damaged", `the content of ${secret} is damaged`), 500],
    [new XsError("frame_damaged", secret, { members: { path: secret } }), 500],
  ] as const) {
    error = thrown;
    for (const accept of ["application/json", "text/html"]) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { accept } });
      const text = await response.text();
      expect([response.status, text]).toEqual([status, expect.stringContaining("try again later")]);
      expect(text).not.toMatch(/alice|undefined|xs start|ulimit/);
    }
  }
  error = new XsError("body_too_large", "the body is larger than 5 bytes");
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain("larger than 5 bytes");
  server.close();
});
