import { quoted, XsError } from "../../core/error.ts";
import { isId, parseId } from "../../core/id.ts";
import { GrowingBuffer } from "../../lib/growing-buffer.ts";
import { textLines } from "../../lib/lines.ts";
import { connect } from "./connect.ts";
import { sayThatItWaits } from "./input.ts";
import { plural } from "./plural.ts";
import type { Target } from "./target.ts";
import { parsed, UsageError } from "./verb.ts";

/** Removals requested at once, which the store then commits together. */
const REMOVALS_AT_ONCE = 100;
const ID_BYTES = 25;
/** How many of the lines that are no ids, and of the ids that are not there, a message names. */
const MAX_NAMED = 10;

/** What is removed by its id. */
export interface Removable {
  /** Names several of them in a message. */
  readonly what: string;
  /** The member that has the id, where a line is JSON. */
  readonly key: "id" | "scheduled";
  /** The path of a request for one, without its id. */
  readonly path: string;
}

/** Ids in memory: of millions, as texts they would take ten times as much. */
export class Ids {
  readonly #bytes = new GrowingBuffer();

  get length(): number {
    return this.#bytes.size / ID_BYTES;
  }

  add(id: string): void {
    this.#bytes.add(Buffer.from(id, "latin1"));
  }

  slice(from: number, to: number): string[] {
    const text = this.#bytes.bytes.toString("latin1", from * ID_BYTES, to * ID_BYTES);
    return text.match(/.{25}/g) ?? [];
  }
}

/**
 * The ids of all words, or of the lines of stdin.
 *
 * @throws UsageError; XsError `bad_id` where a line has no id
 */
export async function idsOf(words: readonly string[], { key, what }: Removable): Promise<Ids> {
  const ids = new Ids();
  if (!words.includes("-")) {
    for (const word of words) ids.add(parsed(parseId, word));
    return ids;
  }
  if (words.length > 1) throw new UsageError("- stands alone: all ids come from stdin then");
  await sayThatItWaits("ids, one a line");
  const wrong: string[] = [];
  let wrongs = 0;
  for await (const lines of textLines(Bun.stdin.stream())) {
    for (const line of lines.map((each) => each.trim())) {
      const id = line === "" ? "" : idIn(line, key);
      if (id) ids.add(id);
      else if (id === undefined && ++wrongs <= MAX_NAMED) wrong.push(quoted(line));
    }
  }
  if (wrongs === 0) return ids;
  const others = wrongs > wrong.length ? ` and ${wrongs - wrong.length} more` : "";
  throw new XsError(
    "bad_id",
    `on stdin ${wrong.join(", ")}${others} ${wrongs === 1 ? "is" : "are"} neither an id nor a ${what.slice(0, -1)}: nothing was removed`,
  );
}

/** The id in a line, which is an id or JSON with one; undefined for any other line. */
function idIn(line: string, key: string): string | undefined {
  let id: unknown = line;
  if (line.startsWith("{")) {
    try {
      id = (JSON.parse(line) as Record<string, unknown>)[key];
    } catch {
      return undefined;
    }
  }
  return typeof id === "string" && isId(id) ? parseId(id) : undefined;
}

/**
 * Removes what has these ids, and goes on where some are not there.
 *
 * @throws XsError `not_found`, at the end; the error of the first request that fails otherwise
 */
export async function removeAll(
  target: Target,
  ids: Ids,
  { path, what }: Removable,
): Promise<void> {
  await using client = await connect(target.address);
  const missing: XsError[] = [];
  let removed = 0;
  for (let done = 0; done < ids.length; done += REMOVALS_AT_ONCE) {
    const step = ids.slice(done, done + REMOVALS_AT_ONCE);
    const asked = step.map((id) => client.request(`${path}${id}`, { method: "DELETE" }));
    const outcomes = await Promise.allSettled(asked);
    const errors = outcomes.filter((outcome) => outcome.status === "rejected");
    removed += outcomes.length - errors.length;
    for (const { reason } of errors) {
      if (!(reason instanceof XsError)) throw reason;
      if (reason.code === "not_found") missing.push(reason);
      else if (ids.length === 1) throw reason;
      else throw toGoOn(reason, ids.length, removed, what);
    }
  }
  const [first] = missing;
  if (!first) return;
  if (ids.length === 1) throw first;
  const named = missing.slice(0, MAX_NAMED).map(({ message }) => message);
  const others = missing.length - named.length;
  const list = others > 0 ? [...named, `and ${others.toLocaleString("en")} more`] : named;
  throw new XsError(
    "not_found",
    `of ${plural(ids.length, what)} ${removed.toLocaleString("en")} are removed:\n  ${list.join("\n  ")}`,
  );
}

function toGoOn(error: XsError, all: number, removed: number, what: string): XsError {
  return new XsError(
    error.code,
    `${error.message} (of ${plural(all, what)} ${removed.toLocaleString("en")} are removed: run the command again for the rest)`,
    { cause: error },
  );
}
