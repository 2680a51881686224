import { expect, setDefaultTimeout, test } from "bun:test";
import type { AddressInfo } from "node:net";
import { Random } from "../support/random.ts";
import { expectSound } from "../support/store.ts";
import { TEST_MS, within } from "../support/wait.ts";
import { type Request, Site } from "./site.ts";

setDefaultTimeout(TEST_MS);

/** `XS_HTTP_SEED` to run one again. */
const SEED = Number(process.env.XS_HTTP_SEED ?? Date.now() % 2 ** 31);
const CASES = 1000;
const CLIENTS = 16;

/** What a client sends, in pieces. */
interface Case {
  readonly pieces: readonly string[];
  /** No answer is to be waited for: the client hangs up. */
  readonly hangsUp: boolean;
}

const CHUNK_SIZES = [
  "zz",
  "-5",
  "+5",
  "0x5",
  "",
  " ",
  "5 5",
  "fffffffffffffffff",
  "5;",
  "5\n",
  "٥",
];
const ENCODINGS = [
  "chunked, chunked",
  "xchunked",
  "chunked;q=1",
  "identity, chunked",
  "chunked, identity",
  "gzip",
  "\tchunked",
  "chunked\x0b",
  "CHUNKED",
  '"chunked"',
  "chunked\r\nTransfer-Encoding: identity",
];
const LENGTHS = [
  "5, 6",
  "+5",
  "-5",
  "0x5",
  "5 5",
  "1e1",
  "٥",
  "5\r\nContent-Length: 6",
  "05.0",
  "",
];

/** A body that tells whether all of it is there. */
const bodyOf = (n: number, size: number) => `<${n} ${"x".repeat(size)}>`;

/** Makes one request that is wrong in some way. */
function makeCase(n: number, random: Random): Case {
  const below = (most: number) => Math.floor(random.next() * most);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const post = `POST /case/${n} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`;
  const body = bodyOf(n, random.next() < 0.2 ? 70_000 : below(50));
  const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
  const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
  const hidden = `POST /smuggled/${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;
  const cases: (() => Partial<Case> & { bytes: string })[] = [
    () => ({ bytes: `${chunked}${pick(CHUNK_SIZES)}\r\n${body}\r\n0\r\n\r\n` }),
    // A chunk that is longer, or shorter, than it says.
    () => ({
      bytes: `${chunked}${(body.length + 1 + below(9)).toString(16)}\r\n${body}\r\n0\r\n\r\n`,
    }),
    () => ({ bytes: `${chunked}${(body.length - 1).toString(16)}\r\n${body}\r\n0\r\n\r\n` }),
    () => {
      const headers = [
        `Content-Length: ${pick([0, 5, hidden.length, hidden.length + 5])}\r\n`,
        "Transfer-Encoding: chunked\r\n",
      ];
      if (random.next() < 0.5) headers.reverse();
      return { bytes: `${post}${headers.join("")}\r\n0\r\n\r\n${hidden}` };
    },
    () => ({ bytes: `${post}Transfer-Encoding: ${pick(ENCODINGS)}\r\n\r\n0\r\n\r\n${hidden}` }),
    () => ({ bytes: `${post}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${hidden}` }),
    () => ({ bytes: `${post}Content-Length: ${pick(LENGTHS)}\r\n\r\n${hidden}` }),
    () => ({ bytes: `${post}${`a${below(9)}: b\r\n`.repeat(1 + below(30_000))}\r\n` }),
    () => ({ bytes: `${post}a: ${"b".repeat(below(200_000))}\r\n\r\n` }),
    () => ({ bytes: `POST /case/${n}${"y".repeat(below(200_000))} HTTP/1.1\r\nHost: x\r\n\r\n` }),
    // Cut off anywhere.
    () => {
      const whole = random.next() < 0.5 ? `${chunked}${chunk}0\r\n\r\n` : withLength(post, body);
      return { bytes: whole.slice(0, below(whole.length)), hangsUp: true };
    },
    // The last chunk is missing, or the body is shorter than it says; the client waits.
    () => ({ bytes: random.next() < 0.5 ? chunked + chunk : withLength(post, body).slice(0, -1) }),
    // A byte of the head is another one.
    () => {
      const at = below(post.length);
      const other = String.fromCharCode(below(256));
      const head = post.slice(0, at) + other + post.slice(at + 1);
      return { bytes: `${head}\r\n`, hangsUp: true };
    },
    () => ({ bytes: String.fromCharCode(...Array.from({ length: 200 }, () => below(256))) }),
    // Whole after all, but slow.
    () => ({ bytes: withLength(post, body) }),
    () => ({ bytes: `${chunked}${chunk}0\r\n\r\n` }),
  ];
  const { bytes, hangsUp = false } = pick(cases)();
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = random.next() < 0.5 ? bytes.length : 1 + below(Math.min(40, bytes.length));
    // At most so many, or a large one takes for ever.
    const end = pieces.length > 20 ? bytes.length : at + size;
    pieces.push(bytes.slice(at, end));
    at = end;
  }
  return { pieces, hangsUp: hangsUp || !bytes.includes("\r\n\r\n") };
}

function withLength(head: string, body: string): string {
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
}

test("a thousand requests that are wrong crash nothing, leave no half bodies, and get nobody else's answer", async () => {
  process.stderr.write(`XS_HTTP_SEED=${SEED}\n`);
  const random = new Random(SEED);
  await using site = await Site.open(["--http-timeout", "400"]);
  // The port of the client stands in for it, whatever became of its request.
  await using _responder = await site.answer(async ({ meta }, send) => {
    await send(`[port ${meta.remote_port}]`);
  });
  let left = CASES;
  const answers = { own: 0, refused: 0 };
  const client = async () => {
    for (let n = left--; n > 0; n = left--) {
      const { pieces, hangsUp } = makeCase(n, random);
      using connection = await site.connect();
      const { localPort } = connection.socket as unknown as AddressInfo & { localPort: number };
      for (const piece of pieces) {
        connection.send(piece);
        if (pieces.length > 1) await new Promise((resolve) => setImmediate(resolve));
      }
      if (hangsUp) await connection.hangUp();
      else
        await within(`the end of case ${n}`, Promise.race([connection.closed, over(connection)]));
      const ports = [...connection.received.matchAll(/\[port (\d+)\]/g)].map(([, port]) => port);
      expect(ports).toEqual(ports.map(() => String(localPort)));
      answers.own += ports.length;
      if (/^HTTP\/1\.1 4/.test(connection.received)) answers.refused++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  // Otherwise the cases would test nothing.
  expect(answers.own).toBeGreaterThan(50);
  expect(answers.refused).toBeGreaterThan(50);
  expect((await site.curl("/after", "-d", "<after>")).status).toBe(200);
  for (const frame of (await site.frames("http.request")) as Request[]) {
    expect(frame.meta.path).not.toStartWith("/smuggled");
    if (frame.hash === null) continue;
    expect([frame.meta.path, await site.contentOf(frame)]).toEqual([
      frame.meta.path,
      expect.stringMatching(/^<[\s\S]*>$/),
    ]);
  }
  expect(await site.server.stop("SIGTERM")).toBe(0);
  await expectSound(site.server.directory);
});

/** Waits for the first answer, where the connection stays open after it. */
async function over(connection: { status(): Promise<number | undefined> }): Promise<void> {
  await connection.status();
}
