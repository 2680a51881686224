// The routes below /-/ have two fixed segments, and none of them is a topic.
import { expect, test } from "bun:test";
import type { Call } from "../../src/api/call.ts";
import { Router, route } from "../../src/api/route.ts";

const ROW = { need: "owner", responses: { 200: "frame" } } as const;
const NAMED = { ...ROW, name: "text" } as const;

const ROUTER = new Router(
  [
    route("GET", "/-/things", "lists", () => new Response("list"), ROW),
    route("DELETE", "/-/things/:name", "ends", (_, __, name) => new Response(`end ${name}`), NAMED),
    route("GET", "/-/files/:path+", "shows", (_, __, name) => new Response(`file ${name}`), NAMED),
    route("POST", "/:topic", "appends", (_, __, name) => new Response(`append ${name}`), {
      ...NAMED,
      body: "content",
    }),
  ],
  {},
);

async function ask(method: string, path: string): Promise<string> {
  const url = new URL(`http://xs${path}`);
  try {
    const request = new Request(url.href, { method });
    const answer = await ROUTER.answer({ request, url } as Call);
    return await answer.text();
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test.each([
  ["GET", "/-/things", "list"],
  ["GET", "/-/things/a.*", "method_not_allowed"],
  ["DELETE", "/-/things/a.*", "end a.*"],
  ["DELETE", "/-/things/a%2Fb", "end a/b"],
  ["DELETE", "/-/things/a/b", "unknown_path"],
  ["GET", "/-/files/a/b", "file a/b"],
  ["POST", "/-/other", "unknown_path"],
  ["POST", "/-/other/a", "unknown_path"],
  ["POST", "/things", "append things"],
])("%s %s: %s", async (method, path, expected) => {
  expect(await ask(method, path)).toBe(expected);
});
