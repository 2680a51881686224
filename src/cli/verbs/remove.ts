import { quoted, XsError } from "../../core/error.ts";
import { isId, parseId } from "../../core/id.ts";
import { GrowingBuffer } from "../../lib/growing-buffer.ts";
import { textLines } from "../../lib/lines.ts";
import { connect } from "../kit/connect.ts";
import { sayThatItWaits } from "../kit/input.ts";
import { plural } from "../kit/plural.ts";
import { splitTarget, type Target } from "../kit/target.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

/** Removals requested at once, which the store then commits together. */
const REMOVALS_AT_ONCE = 100;
const ID_BYTES = 25;
/** How many of the lines that are no ids the message names. */
const MAX_NAMED_LINES = 10;

export const removeVerb: Verb = {
  name: "remove",
  summary: "Remove frames for good, one by one",
  positionals: "[ADDR] ID…|-",
  options: {},
  examples: [
    ["xs remove 03hadtdyn9s2dxl5soli9q9dz", "no read returns the frame any more"],
    ["xs cat --topic draft | xs remove -", "stdin has a frame or an id on each line"],
  ],
  async run(input) {
    const target = splitTarget(input, [1, Number.POSITIVE_INFINITY], "ID");
    const ids = await idsOf(target.rest);
    // Empty input is no error: the command before the pipe found no frames. The store may be missing.
    if (ids.length > 0) await removeAll(target, ids);
  },
};

/** Ids in memory: of millions, as texts they would take ten times as much. */
class Ids {
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

/** The ids of all words, or of the lines of stdin. @throws UsageError; XsError `bad_id` where a line has no id */
async function idsOf(words: readonly string[]): Promise<Ids> {
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
      const id = line === "" ? "" : idIn(line);
      if (id) ids.add(id);
      else if (id === undefined && ++wrongs <= MAX_NAMED_LINES) wrong.push(quoted(line));
    }
  }
  if (wrongs === 0) return ids;
  const others = wrongs > wrong.length ? ` and ${wrongs - wrong.length} more` : "";
  throw new XsError(
    "bad_id",
    `on stdin ${wrong.join(", ")}${others} ${wrongs === 1 ? "is" : "are"} neither an id nor a frame: nothing was removed`,
  );
}

/** The id in a line, which is an id or a frame as JSON; undefined for any other line. */
function idIn(line: string): string | undefined {
  let id: unknown = line;
  if (line.startsWith("{")) {
    try {
      ({ id } = JSON.parse(line) as { id?: unknown });
    } catch {
      return undefined;
    }
  }
  return typeof id === "string" && isId(id) ? parseId(id) : undefined;
}

async function removeAll(target: Target, ids: Ids): Promise<void> {
  await using client = await connect(target.address);
  for (let done = 0; done < ids.length; done += REMOVALS_AT_ONCE) {
    const step = ids.slice(done, done + REMOVALS_AT_ONCE);
    const asked = step.map((id) => client.request(`/${id}`, { method: "DELETE" }));
    const outcomes = await Promise.allSettled(asked);
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (!failed) continue;
    const { reason } = failed;
    if (ids.length === 1 || !(reason instanceof XsError)) throw reason;
    const gone = done + outcomes.filter(({ status }) => status === "fulfilled").length;
    throw new XsError(
      reason.code,
      `${reason.message} (of ${plural(ids.length, "frames")} ${gone.toLocaleString("en")} are removed: run the command again for the rest)`,
      { cause: reason },
    );
  }
}
