import { expect, test } from "bun:test";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { formatListenAddress, parseListenAddress } from "../../src/net/listen-address.ts";

const parse = (text: string) => parseListenAddress(text, "--http");

test("a place to listen is a port, a host and a port, or a path", () => {
  for (const [text, formatted] of [
    [":3000", "127.0.0.1:3000"],
    [":0", "127.0.0.1:0"],
    ["0.0.0.0:65535", "0.0.0.0:65535"],
    ["localhost:80", "localhost:80"],
    ["[::1]:3000", "[::1]:3000"],
    ["/run/web.sock", "/run/web.sock"],
    ["./web.sock", resolve("web.sock")],
    ["run/web.sock", resolve("run/web.sock")],
    ["~/web.sock", `${homedir()}/web.sock`],
  ] as const) {
    const address = parse(text);
    expect([text, formatListenAddress(address)]).toEqual([text, formatted]);
    expect(parse(formatted)).toEqual(address);
  }
  expect(parse("[::1]:3000")).toEqual({ hostname: "::1", port: 3000 });
});

test("anything else is refused, and named", () => {
  for (const text of ["", ":", "3000", "host", ":65536", ":-1", "::1:3000", "a b:1", ":1x"]) {
    expect(() => parse(text)).toThrow(`--http=${JSON.stringify(text)}`);
  }
});
