import { expect, setDefaultTimeout, test } from "bun:test";
import { sealedMessages } from "../../src/nodes/sealed-messages.ts";
import type { Messages } from "../../src/store/journal/journal.ts";
import { MemoryNet } from "../support/memory-cluster.ts";
import { KEY } from "../support/nodes.ts";
import { seedFrom } from "../support/random.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (body: Uint8Array): string => new TextDecoder().decode(body);
const OTHER_KEY = new Uint8Array(32).fill(8);

/** Two nodes with the key, and what is between them, where someone without it may speak and listen. */
function nodes() {
  const net = new MemoryNet({ seed: seedFrom("XS_NODES_SEED") });
  const between = net.cluster().messages;
  const at = (key: Uint8Array): Messages => sealedMessages(net.cluster().messages, key);
  return { a: at(KEY), b: at(KEY), stranger: at(OTHER_KEY), between };
}

test("a node with the key is asked, answers, and hears what is told", async () => {
  const { a, b } = nodes();
  b.answer("b", async (body) => bytes(`b heard ${text(body)}`));
  expect(text(await a.ask("b", bytes("?"), 5000))).toBe("b heard ?");
  expect(text(await a.ask("b", bytes(""), 5000))).toBe("b heard ");
  const heard: string[] = [];
  b.hear((body) => heard.push(text(body)));
  a.tell(bytes("one"));
  a.tell(bytes("one"));
  await until("both are heard", () => heard.length === 2);
});

test("what someone without the key asks or tells does nothing", async () => {
  const { b, stranger, between } = nodes();
  const done: string[] = [];
  b.answer("b", async (body) => bytes(`${done.push(text(body))}`));
  b.hear((body) => done.push(text(body)));
  await expect(stranger.ask("b", bytes("write"), 5000)).rejects.toMatchObject({
    code: "journal_unreachable",
    message: expect.stringContaining("cluster key"),
  });
  for (const size of [0, 1, 31, 32, 48, 100]) {
    expect(await between.ask("b", new Uint8Array(size), 5000)).toEqual(new Uint8Array());
    between.tell(new Uint8Array(size));
  }
  stranger.tell(bytes("a frame"));
  await Bun.sleep(50);
  expect(done).toEqual([]);
});

test("a question counts once, for the node that it was asked of", async () => {
  const { a, b, between } = nodes();
  const done: string[] = [];
  const sent: Uint8Array[] = [];
  b.answer("b", async (body) => bytes(`${done.push(text(body))}`));
  between.answer("c", async (question) => {
    sent.push(question);
    return between.ask("b", question, 5000);
  });
  // In the place of c, someone passes it on.
  await expect(a.ask("c", bytes("write"), 5000)).rejects.toMatchObject({
    code: "journal_unreachable",
  });
  expect(done).toEqual([]);
  const seen: Uint8Array[] = [];
  between.hear((body) => seen.push(body));
  a.tell(bytes("x"));
  await until("it is seen", () => seen.length === 1);
  const heard: string[] = [];
  b.hear((body) => heard.push(text(body)));
  for (let times = 0; times < 3; times++) between.tell(seen[0] ?? new Uint8Array());
  await until("it is heard", () => heard.length > 0);
  await Bun.sleep(50);
  expect(heard).toEqual(["x"]);
  expect(sent).toHaveLength(1);
});

test("an answer belongs to its question", async () => {
  const { a, between, b } = nodes();
  b.answer("c", async () => bytes("yes"));
  let first: Uint8Array | undefined;
  between.answer("d", async (question) => {
    first ??= await between.ask("c", question, 5000);
    return first;
  });
  await expect(a.ask("d", bytes("1"), 5000)).rejects.toMatchObject({ code: "journal_unreachable" });
  expect(text(await a.ask("c", bytes("1"), 5000))).toBe("yes");
});
