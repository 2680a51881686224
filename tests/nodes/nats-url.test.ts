import { expect, test } from "bun:test";
import { parseNatsUrl } from "../../src/store/journal/nats/url.ts";

const ONE = {
  servers: ["h:4222"],
  name: "n",
  monitors: ["http://h:8222"],
  tls: false,
};

test.each([
  ["nats://h/n", ONE],
  ["NATS://h/n", ONE],
  ["nats://h:4222/n?monitor=8222", ONE],
  ["tls://h/n", { ...ONE, tls: true }],
  ["nats://h/n?tls", { ...ONE, tls: true }],
  ["nats://h/n?tls=true", { ...ONE, tls: true }],
  ["nats://h/n?ca=/etc/ca.pem", { ...ONE, tls: true, ca: "/etc/ca.pem" }],
  [
    "nats://a,b:5,[::1]:6/my-notes_1?monitor=1,2,h:3",
    {
      servers: ["a:4222", "b:5", "[::1]:6"],
      name: "my-notes_1",
      monitors: ["http://a:1", "http://b:2", "http://h:3"],
      tls: false,
    },
  ],
  [
    "nats://10.0.0.1,10.0.0.2/n?monitor=9222",
    {
      servers: ["10.0.0.1:4222", "10.0.0.2:4222"],
      name: "n",
      monitors: ["http://10.0.0.1:9222", "http://10.0.0.2:9222"],
      tls: false,
    },
  ],
  [
    "nats://leaf/n?domain=hub&monitor=a:1,b:2,c:3",
    {
      ...ONE,
      servers: ["leaf:4222"],
      domain: "hub",
      monitors: ["http://a:1", "http://b:2", "http://c:3"],
    },
  ],
  ["nats://me:p%40ss%3A@h/n", { ...ONE, user: "me", password: "p@ss:" }],
  ["nats://s3cret@h/n", { ...ONE, token: "s3cret" }],
  ["nats://h/n?creds=my%20file.creds", { ...ONE, creds: "my file.creds" }],
  [
    "tls://h/n?cert=c.pem&key=k.pem&monitor=1",
    { ...ONE, tls: true, cert: "c.pem", key: "k.pem", monitors: ["http://h:1"] },
  ],
])("%s", (url, address) => {
  expect<unknown>(parseNatsUrl(url)).toEqual(address);
});

test.each([
  ["", "nats://HOST,HOST,HOST/NAME"],
  ["h:4222/n", "nats://HOST,HOST,HOST/NAME"],
  ["http://h/n", "nats://HOST,HOST,HOST/NAME"],
  ["nats:///n", "nats://HOST,HOST,HOST/NAME"],
  ["nats://h", "name of the store is missing"],
  ["nats://h/", "name of the store is missing"],
  ["nats://h/a.b", "only letters"],
  ["nats://h/a/b", "only letters"],
  ["nats://h/a%20b", "only letters"],
  ["nats://h/%zz", "%25"],
  [`nats://h/${"n".repeat(65)}`, "at most 64"],
  ["nats://a,,b/n", '"" is no HOST'],
  ["nats://a b/n", '"a b" is no HOST'],
  ["nats://a;b/n", "separate hosts by a comma"],
  ["nats://a:0/n", '"a:0" is no HOST'],
  ["nats://a:99999/n", "is no HOST"],
  ["nats://h/n?monitors=1", 'no option "monitors"'],
  ["nats://h/n?monitor", "monitor lacks its value"],
  ["nats://h/n?domain=a.b", "JetStream domain"],
  ["nats://h/n?monitor=x", "monitor takes ports"],
  ["nats://a,b,c/n?monitor=1,2", "2 ports for 3 servers"],
  ["nats://h/n?tls=no", "tls takes no value"],
  ["nats://h/n?cert=c.pem", "both cert=FILE and key=FILE"],
  ["nats://h/n?tls&tls", "twice"],
])("refused: %s", (url, hint) => {
  expect(() => parseNatsUrl(url)).toThrow(expect.objectContaining({ code: "bad_option" }));
  expect(() => parseNatsUrl(url)).toThrow(hint);
});

test("a message about the address has no password", () => {
  for (const url of ["nats://me:s3cret@h/a.b", "nats://me:s3cret@a;b/n", "nats://s3cret@@h/n"]) {
    try {
      parseNatsUrl(url);
      throw new Error("taken");
    } catch (error) {
      expect(String(error)).not.toContain("s3cret");
    }
  }
});
