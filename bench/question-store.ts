import { hashOf } from "../src/core/hash.ts";
import { topicOf } from "./load/fill.ts";
import { type Server, serveStore } from "./processes.ts";
import { settled } from "./rows/content.ts";
import { idsAfter } from "./stores.ts";

/** Frames in one request. */
const STEP = 10_000;
/** Topics, with `deep`. */
const TOPICS = 200;
/** Frames that name one another in a row. */
export const DEEP = 100;
/** Each hundredth frame names the first one as its cause. */
const WIDE_EVERY = 100;
/** Each 3,000th text has the rare word, and each third one the common word. */
const RARE_EVERY = 3000;
const COMMON_EVERY = 3;
const WORDS_A_TEXT = 12;
const VOCABULARY = 20_000;

/** A store to ask questions of, with the indexes that these need. */
export interface QuestionStore {
  readonly directory: string;
  /** The first frame, which a hundredth of all others name. */
  readonly first: string;
  /** The last of {@link DEEP} frames of `deep`, far apart, each of which names the one before it. */
  readonly deepest: string;
}

/** Makes that store: frames of {@link TOPICS} topics, and three in ten of them have a text as content. */
export async function makeQuestionStore(directory: string, frames: number): Promise<QuestionStore> {
  const server = await serveStore(directory);
  const ids = await idsAfter(server);
  let [first, deepest, texts] = ["", "", 0];
  let lines: string[] = [];
  for (let n = 0; n < frames; n++) {
    const id = ids.generate().toString();
    first ||= id;
    const isDeep = n % (frames / DEEP) === frames / DEEP - 1;
    const cause = isDeep ? deepest || first : n % WIDE_EVERY === 1 ? first : undefined;
    if (isDeep) deepest = id;
    const content = n % 10 < 3 ? textOf(texts++) : undefined;
    const topic = isDeep ? "deep" : topicOf(n % (TOPICS - 1));
    const meta = cause === undefined ? { n } : { n, frame_id: cause };
    const hash = content === undefined ? null : hashOf(Buffer.from(content));
    lines.push(JSON.stringify({ topic, id, hash, meta, ttl: "forever", content }));
    if (lines.length === STEP || n === frames - 1) {
      const response = await fetch("http://localhost/import", {
        unix: server.unix,
        method: "POST",
        body: `${lines.join("\n")}\n`,
      });
      if (!response.ok) throw new Error(`import: ${await response.text()}`);
      lines = [];
    }
  }
  await makeIndexes(server, first);
  await settled(directory);
  await server.stop();
  return { directory, first, deepest };
}

/** Words that are as frequent as those of a language: some everywhere, most seldom. */
function textOf(n: number): string {
  const words = Array.from(
    { length: WORDS_A_TEXT },
    () => `w${Math.floor(VOCABULARY * Math.random() ** 3).toString(36)}`,
  );
  if (n % COMMON_EVERY === 0) words.push("common");
  if (n % RARE_EVERY === 0) words.push("rare");
  return words.join(" ");
}

async function makeIndexes({ unix }: Server, id: string): Promise<void> {
  await makeSearchIndex(unix);
  const response = await fetch(`http://localhost/${id}/effects?limit=1`, { unix });
  if (!response.ok) throw new Error(`effects: ${await response.text()}`);
  await response.text();
}

/** Searches, until the index for that is made. */
export async function makeSearchIndex(unix: string): Promise<void> {
  for (;;) {
    const response = await fetch("http://localhost/-/search?q=rare&limit=1", { unix });
    const text = await response.text();
    if (response.ok) return;
    if (response.status !== 503) throw new Error(`search: ${text}`);
  }
}
