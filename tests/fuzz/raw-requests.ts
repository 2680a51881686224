import fc from "fast-check";
import { hashes, ids, metas, topics, ttls } from "../support/arbitrary.ts";
import { HOSTS, NO_HOSTS } from "../support/hosts.ts";
import { around, aroundBytes, mostly } from "./cases.ts";

/** The ways into a server: its socket, `--expose`, and the gateway. */
export type DoorName = "socket" | "expose" | "gateway";

/** What a client sends on a connection of its own. */
export interface RawRequest {
  readonly door: DoorName;
  /** `HOST` and `TOKEN` in them are replaced by those of the door. */
  readonly pieces: readonly Uint8Array[];
  /** The client hangs up without waiting for an answer. */
  readonly hangsUp: boolean;
}

/** Something small, so often that it takes this many bytes: what a client may try to make a server slow. */
const repeated = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(
        "a&",
        "a=b&",
        "topic=a&",
        "a,",
        '"a",',
        "a;q=0.1,",
        "a=b; ",
        "../",
        "/",
        "%41",
        "%",
        "[",
      ),
      fc.constantFrom(
        '{"a":',
        " ",
        "\t",
        '"',
        "\\",
        "é",
        "1",
        ":",
        "a: b\r\n",
        "a\r\n b",
        "\0",
        "0\r\n\r\n",
        "\n",
      ),
      fc.string({ minLength: 1, maxLength: 4 }),
    ),
    fc.constantFrom(10, 300, 5000, 60_000, 120_000, 200_000),
  )
  .map(([text, size]) => text.repeat(Math.ceil(size / text.length)));

const topic = topics.map((text) => encodeURIComponent(text));
const option = fc.oneof(
  fc.constantFrom(
    "limit=3",
    "last=2",
    "follow",
    "follow=50",
    "tail",
    "order=desc",
    "with-timestamp",
    "limit=1",
  ),
  fc.constantFrom(
    "chunked=lines",
    "chunked=bytes",
    "chunked=sse",
    "dry-run",
    "progress",
    "prefix=a",
    "ahead",
  ),
  topics.map((text) => `topic=${text}`),
  topics.map((text) => `topic=${text}.*,b`),
  ids.map((id) => `last-id=${id}`),
  ttls.map((ttl) => `ttl=${ttl}`),
  repeated,
);
const path = fc.oneof(
  fc.constantFrom(
    "/",
    "/first",
    "/last",
    "/kv",
    "/kv/a",
    "/kv/a/b",
    "/cas",
    "/stream",
    "/export",
    "/verify",
    "/gc",
  ),
  fc.constantFrom(
    "/metrics",
    "/ps",
    "/version",
    "/health",
    "/import",
    "/eval",
    "/-/topics",
    "*",
    "//",
    "/a%00",
  ),
  topic.map((name) => `/${name}`),
  topic.map((name) => `/stream/${name}`),
  topic.map((name) => `/last/${name}`),
  fc
    .tuple(ids, fc.constantFrom("", "/next", "/previous", "/content"))
    .map(([id, rest]) => `/${id}${rest}`),
  hashes.map((hash) => `/cas/${hash}`),
  repeated.map((text) => `/${text}`),
  fc.constantFrom("http://HOST/", "http://a:b/", "http://[/", "https://x", "ftp://x/", "a:80"),
);
const target = fc
  .tuple(path, fc.array(option, { maxLength: 3 }))
  .map(([to, options]) => (options.length > 0 ? `${to}?${options.join("&")}` : to));
const method = fc.constantFrom(
  ..."GET GET GET POST POST PUT DELETE HEAD PATCH OPTIONS TRACE CONNECT get PROPFIND".split(" "),
);

const header = fc.oneof(
  mostly(
    fc.constantFrom(
      "xs-meta: {}",
      "xs-meta: eyJhIjoxfQ==",
      "xs-expect-last: none",
      "Idempotency-Key: a",
      "If-Match: *",
      'If-None-Match: "a", W/"b"',
      "If-Range: a",
      "Range: bytes=0-1",
      "Range: bytes=-5,1-",
      "Expect: 100-continue",
      "Accept: text/event-stream;q=0.5, */*",
      "Last-Event-ID: 03hadtdyn9s2dxl5soli9q9dz",
      "Content-Type: application/json",
      "Upgrade: websocket",
      "Connection: Upgrade, HTTP2-Settings",
      "Connection: close",
      "Cookie: a=b; c=d",
      "Origin: http://elsewhere",
    ),
  ),
  metas.map((meta) => `xs-meta: ${Buffer.from(JSON.stringify(meta)).toString("base64")}`),
  fc
    .tuple(
      fc.constantFrom(
        ..."Cookie Accept If-None-Match If-Match Range xs-meta Host Origin Authorization".split(
          " ",
        ),
        ..."Content-Type Connection X-Forwarded-For Idempotency-Key Last-Event-ID a".split(" "),
      ),
      repeated,
    )
    .map(([name, value]) => `${name}: ${value}`),
);
const host = fc.oneof(
  { weight: 8, arbitrary: fc.constant("Host: HOST") },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTS.map((text) => `Host: ${text}`)) },
  { weight: 1, arbitrary: fc.constantFrom(...NO_HOSTS.map((text) => `Host:${text}`), "") },
);
const token = fc.oneof(
  { weight: 8, arbitrary: fc.constant("Authorization: Bearer TOKEN") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "Authorization: Bearer", "Authorization: Basic TOKEN"),
  },
);

const line = fc
  .record(
    {
      topic: topics,
      meta: metas,
      ttl: ttls,
      content: fc.string(),
      hash: fc.option(hashes),
      id: ids,
    },
    { requiredKeys: ["topic"] },
  )
  .map((value) => JSON.stringify(value));
const body = fc.oneof(
  { weight: 4, arbitrary: fc.string({ maxLength: 60 }) },
  {
    weight: 3,
    arbitrary: fc.array(around(line), { maxLength: 4 }).map((lines) => lines.join("\n")),
  },
  { weight: 1, arbitrary: repeated },
  { weight: 1, arbitrary: repeated.map((text) => `{"topic":"a","meta":${text}`) },
);
const framing = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constant(
      (text: string) => `Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constant(
      (text: string) =>
        `Transfer-Encoding: chunked\r\n\r\n${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`,
    ),
  },
  {
    weight: 2,
    arbitrary: mostly(
      fc.constantFrom("Transfer-Encoding: chunked", "Content-Length: 5", "Content-Length: 99"),
    ).map((wrong) => (text: string) => `${wrong}\r\n\r\n${text}`),
  },
  { weight: 2, arbitrary: fc.constant(() => "\r\n") },
);
/** What a door answers well, more or less. */
const rightStart = fc.oneof(
  fc.constantFrom(
    "GET /?limit=3",
    "GET /first",
    "HEAD /last",
    "GET /kv?prefix=a",
    "GET /?follow&tail",
    "GET /a",
  ),
  fc.constantFrom(
    "PUT /kv/a",
    "GET /kv/a",
    "DELETE /kv/a",
    "POST /cas",
    "POST /stream",
    "POST /import",
    "GET /",
  ),
  fc.constantFrom(
    "GET /version",
    "GET /metrics",
    "GET /ps",
    "GET /export",
    "GET /verify",
    "POST /gc?dry-run",
  ),
  topic.map((name) => `POST /stream/${name}?ttl=last:5`),
  topic.map((name) => `GET /stream/${name}?last=2`),
);
const anyStart = fc.tuple(method, target).map(([verb, to]) => `${verb} ${to}`);
const start = fc.oneof({ weight: 3, arbitrary: rightStart }, { weight: 2, arbitrary: anyStart });
const version = fc.oneof(
  { weight: 18, arbitrary: fc.constant("1.1") },
  { weight: 2, arbitrary: fc.constant("1.0") },
  { weight: 1, arbitrary: fc.constantFrom("2.0", "1.2", "0.9", "1.1 ", "") },
);
const others = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 3, arbitrary: fc.array(header, { maxLength: 4 }) },
);
const request = fc
  .record({ start, version, host, token, others, body, framing })
  .map(
    ({
      start: first,
      version: of,
      host: name,
      token: key,
      others: more,
      body: text,
      framing: frame,
    }) => {
      const head = [`${first} HTTP/${of}`, name, key, ...more].filter((one) => one !== "");
      return Buffer.from(`${head.join("\r\n")}\r\n${frame(text)}`);
    },
  );
const bytes = fc.oneof(
  { weight: 6, arbitrary: request },
  { weight: 2, arbitrary: aroundBytes(request) },
  // Sent ahead, each before the answer to the last.
  {
    weight: 1,
    arbitrary: fc.array(request, { minLength: 2, maxLength: 4 }).map((all) => Buffer.concat(all)),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) },
);

/** Anything that a client may send to any door. */
export const rawRequests: fc.Arbitrary<RawRequest> = fc
  .record({
    door: fc.constantFrom<DoorName>("socket", "expose", "gateway"),
    bytes,
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 2 }),
    hangsUp: fc.nat({ max: 5 }).map((n) => n === 0),
  })
  .map(({ door, bytes: all, cuts, hangsUp }) => {
    const at = [
      0,
      ...cuts.map((cut) => Math.floor(cut * all.length)).sort((a, b) => a - b),
      all.length,
    ];
    const pieces = at.slice(1).map((end, n) => Uint8Array.from(all.subarray(at[n], end)));
    return { door, pieces, hangsUp };
  });
