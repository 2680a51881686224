import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Site } from "../gateway/site.ts";
import { statuses } from "../support/processors.ts";
import { expectSound } from "../support/store.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const example = (file: string) => Bun.file(join(import.meta.dir, "../../examples", file));

/** Runs an example and an attack on it; it has to be the same process at the end, and the store sound. */
async function attacked(name: string, file: string, attack: (site: Site) => Promise<void>) {
  using home = tempDirectory();
  const store = join(home.path, "store");
  {
    await using site = await Site.open([], ":0", store);
    await site.spawn(name, example(file));
    const before = await statuses(site.server);
    await attack(site);
    const after = await statuses(site.server);
    expect(after).toMatchObject([{ name, state: "active", restarts: 0, pid: before[0]?.pid }]);
    const told = (await site.server.frames("/?topic=stream.cross.handler.*")).map(
      ({ topic }) => topic,
    );
    expect(told).toEqual(["stream.cross.handler.spawn", "stream.cross.handler.active"]);
    expect(await site.frames(`${name}.error`)).toEqual([]);
    expect(await site.server.stop("SIGTERM")).toBe(0);
  }
  await expectSound(store);
}

/** What is odd about a request, whoever takes it. */
const HEADS: readonly (readonly string[])[] = [
  ["-X", "BREW"],
  ["-X", "OPTIONS"],
  ["-I"],
  ["-X", "DELETE"],
  ["-H", "origin: null"],
  ["-H", "content-length: 0", "-X", "POST"],
  ["-H", "content-type: "],
  ["-H", "x: \u00e9"],
  ["-H", `x: ${"y".repeat(4000)}`],
  ["-H", "cookie: a=b; ; =; a", "-H", "cookie: c"],
];
const PATHS = [
  "/%00",
  "/%ff%fe",
  "/%ED%A0%80",
  "//",
  "/..%2f..%2fkv",
  "/notes/%D9%A1",
  "/notes/-1",
  "/notes/1e3",
  "/notes/000000000",
  "/notes/$(ls)",
  "/notes/'%22%7B%7D",
  "/notes/..",
  "/notes/%0A",
  "/?topic=--follow&topic=http://127.0.0.1:1&a[]=1&__proto__=x",
  `/${"a/".repeat(500)}`,
  "/events/..",
];

async function withOddHeads(site: Site): Promise<void> {
  for (const path of PATHS) {
    const { status } = await site.curl(path, "--path-as-is", "--globoff");
    expect([path, status, status < 500]).toEqual([path, status, true]);
  }
  for (const args of HEADS) {
    const { status } = await site.curl("/", ...args);
    expect([args, status, status < 500]).toEqual([args, status, true]);
  }
}

/** Bodies that a file carries, as they are too long for a command line. */
class Bodies implements Disposable {
  readonly #home = tempDirectory();
  #count = 0;

  async add(body: string | Uint8Array): Promise<string> {
    const file = join(this.#home.path, String(this.#count++));
    await Bun.write(file, body);
    return `@${file}`;
  }

  [Symbol.dispose](): void {
    this.#home[Symbol.dispose]();
  }
}

test("the JSON API survives what is no note", async () => {
  await attacked("notes", "json-api/notes.nu", async (site) => {
    using bodies = new Bodies();
    const post = async (body: string | Uint8Array, ...args: string[]) => {
      const file = await bodies.add(body);
      return (await site.curl("/notes", "--data-binary", file, ...args)).status;
    };
    const nested = (open: string, close: string, depth: number) =>
      `${open.repeat(depth)}1${close.repeat(depth)}`;
    expect(await post(nested("[", "]", 20_000))).toBe(413);
    expect(await post(nested('{"text":', "}", 20_000))).toBe(413);
    expect(await post(nested("[", "]", 499))).toBe(400);
    expect(await post(nested('{"text":', "}", 100))).toBe(400);
    expect(await post(`{"text":"a","b":${nested("[", "]", 400)}}`)).toBe(201);
    expect(await post("x".repeat(15 * 1024 * 1024))).toBe(413);
    expect(await post("x".repeat(17 * 1024 * 1024))).toBe(413);
    // Without a length, and with bytes that are no text.
    const chunked = ["-H", "transfer-encoding: chunked"];
    expect(await post('{"text":"a"}', ...chunked)).toBe(201);
    expect(await post(nested("[", "]", 20_000), ...chunked)).toBe(413);
    expect(await post("x".repeat(15 * 1024 * 1024), ...chunked)).toBe(413);
    expect(await post(Uint8Array.of(0xff, 0xfe, 0))).toBe(400);
    expect(await post(Uint8Array.of(...Buffer.from('{"text":"'), 0xff, ...Buffer.from('"}')))).toBe(
      400,
    );
    const odd = [
      "",
      " ",
      "null",
      "true",
      "5",
      "1e400",
      '"text"',
      "[]",
      "[{}]",
      "{}",
      '{"text":null}',
      '{"text":5}',
      '{"text":["a"]}',
      '{"text":{"text":"a"}}',
      '{"Text":"a"}',
      '{"":""}',
      '{"text":"\\ud800"}',
      "{'text'",
      '{"text":"a"',
      "<text>a</text>",
      "text=a",
      "{|| exit }",
    ];
    for (const body of odd) expect([body, await post(body)]).toEqual([body, 400]);
    const fine = [
      '{"text":""}',
      '{"text":"$(exit) ; `exit` $env {||}"}',
      '{"text":"\\u0000\\u001b[31m"}',
      '{"text":"a","__proto__":{"x":1},"a.b":1,"run":1,"id":-1,"1":1,"":1}',
      '{"text":"a","n":1e400,"m":123456789012345678901234567890}',
      `{"text":"a"${Array.from({ length: 90 }, (_, n) => `,"${n}":${n}`).join("")}}`,
      '{"text":"a","text":"b"}',
      `{"text":"${"x".repeat(950)}"}`,
    ];
    for (const body of fine) expect([body, await post(body)]).toEqual([body, 201]);
    await withOddHeads(site);
    // As many as there may be, at once: no more, and they still can be listed.
    const many = await bodies.add(`{"text":"${"\\u0001".repeat(160)}"}`);
    const added = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const statuses: number[] = [];
        for (let n = 0; n < 15; n++) {
          statuses.push((await site.curl("/notes", "--data-binary", many)).status);
        }
        return statuses;
      }),
    );
    expect(new Set(added.flat())).toEqual(new Set([201, 409]));
    const { status, text } = await site.curl("/notes");
    const notes = JSON.parse(text) as { id: number; text: string }[];
    expect([status, notes.length]).toEqual([200, 100]);
    expect(notes.map(({ id }) => id)).toEqual(notes.map((_, n) => n + 1));
    expect((await site.curl("/notes/1", "-X", "DELETE")).status).toBe(204);
    expect(await post('{"text":"room again"}')).toBe(201);
  });
});

test("the guest book survives its guests", async () => {
  await attacked("guestbook", "guestbook/guestbook.ts", async (site) => {
    using bodies = new Bodies();
    const post = async (body: string | Uint8Array, ...args: string[]) => {
      const file = await bodies.add(body);
      return (await site.curl("/", "--data-binary", file, ...args)).status;
    };
    expect(await post("[".repeat(20_000))).toBe(413);
    expect(await post("&".repeat(9_000))).toBe(400);
    expect(await post("text=a&".repeat(1_400))).toBe(303);
    expect(await post(`text=${"x".repeat(15 * 1024 * 1024)}`)).toBe(413);
    expect(await post("text=a", "-H", "transfer-encoding: chunked")).toBe(413);
    expect(await post("text=a", "-H", "origin: http://elsewhere.example")).toBe(403);
    expect(await post("text=a", "-H", "origin: null")).toBe(403);
    for (const body of ["", "text", "text=", "text=%20%0A", "TEXT=a", '{"text":"a"}', "=", "%"]) {
      expect([body, await post(body)]).toEqual([body, 400]);
    }
    // Half characters, control characters, HTML and more than there is room for.
    const fine = [
      `text=${"a".repeat(999)}%F0%9F%98%80&name=${"b".repeat(79)}%F0%9F%98%80`,
      "text=%00%1B%5B31m%E2%80%AE&name=%00",
      "text=%ff%fe&name=%ff",
      "text=%3Cscript%3Ealert(1)%3C/script%3E&name=%3Cimg%20src=x%3E",
      "text=a&__proto__=b&constructor=c&name=toString",
      `text=${"%01".repeat(2000)}&name=${"%01".repeat(1000)}`,
    ];
    for (const body of fine) expect([body, await post(body)]).toEqual([body, 303]);
    await withOddHeads(site);
    // What others append: of any size, without text, with a meta of any kind.
    await site.server.append("guestbook.entry", "y".repeat(5 * 1024 * 1024), {
      "xs-meta": '{"name":5}',
    });
    await site.server.append("guestbook.entry", "", { "xs-meta": '["name"]' });
    await site.server.append("guestbook.entry", "z".repeat(2000));
    const big = await bodies.add(`text=${"%01".repeat(2000)}`);
    for (let n = 0; n < 100; n++) {
      expect((await site.curl("/", "--data-binary", big)).status).toBe(303);
    }
    const page = await site.curl("/");
    expect(page.status).toBe(200);
    expect(page.text.match(/<article>/g)).toHaveLength(100);
    expect(page.text).not.toMatch(/<script>|<img|\ufffd\ufffd/);
    // A name is text that every reader can read.
    for (const { meta } of await site.frames("guestbook.entry")) {
      expect(JSON.stringify(meta)).not.toMatch(/\\ud[89a-f]/);
    }
  });
});

test("the live page survives those who watch, and what there is to see", async () => {
  await attacked("live", "live/live.ts", async (site) => {
    await withOddHeads(site);
    expect((await site.curl("/events/x")).status).toBe(404);
    const watch = (count: number) =>
      Array.from({ length: count }, () =>
        Bun.spawn(["curl", "-sN", "--max-time", "60", `http://${site.address}/events`], {
          stdio: ["ignore", "pipe", "ignore"],
        }),
      );
    const answersOf = async (id: string) =>
      (await site.frames("http.response")).filter(
        ({ meta }) => (meta as { frame_id: string }).frame_id === id,
      );
    const crowd = watch(120);
    try {
      // Whoever came first made room for the others, and was told so.
      const ended: number[] = [];
      for (const child of crowd) void child.exited.then((code) => ended.push(code));
      await until("twenty are sent away", () => ended.length === 20);
      expect(new Set(ended)).toEqual(new Set([0]));
      const event = await site.server.append("door");
      await until("a hundred see it", async () => (await answersOf(event.id)).length === 100);
    } finally {
      for (const child of crowd) child.kill("SIGKILL");
    }
    await until("nobody watches", async () => {
      const { id } = await site.server.append("door");
      await site.curl("/");
      return (await answersOf(id)).length === 0;
    });
    const before = (await site.frames("http.request")).length;
    const [last] = watch(1);
    try {
      await until("it watches", async () => {
        return (await site.frames("http.request")).length > before;
      });
      const odd = [
        `${"[".repeat(127)}${"]".repeat(127)}`,
        JSON.stringify({ a: "</script>\n\ndata: x\u2028" }),
        '"\\ud800"',
        JSON.stringify("x".repeat(60_000)),
        '{"__proto__":{"topic":"x"}}',
      ];
      for (const meta of odd) {
        const { id } = await site.server.append("odd", "", {
          "xs-meta": Buffer.from(meta).toString("base64"),
        });
        await until("it is shown", async () => (await answersOf(id)).length === 1);
        const [answer] = await answersOf(id);
        const event = answer && (await site.contentOf(answer));
        expect(event?.match(/\n/g)).toHaveLength(3);
      }
    } finally {
      last?.kill("SIGKILL");
    }
    expect((await site.curl("/")).status).toBe(200);
  });
});
