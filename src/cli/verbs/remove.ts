import { existsSync } from "node:fs";
import { looksLikeAddress } from "../../client/address.ts";
import { quoted, XsError } from "../../core/error.ts";
import { isId, parseId } from "../../core/id.ts";
import { readAll } from "../kit/input.ts";
import { plural } from "../kit/plural.ts";
import { splitTarget, type Target, withClient } from "../kit/target.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

/** Asked for at once, as the store commits together what comes together. */
const AT_ONCE = 100;
/** Lines that are no ids are named up to so many. */
const NAMED = 10;

export const remove: Verb = {
  name: "remove",
  summary: "Remove frames for good, each by itself",
  positionals: "[ADDR] ID…|-",
  options: {},
  examples: [
    ["xs remove 03hadtdyn9s2dxl5soli9q9dz", "the frame is in no read any more"],
    ["xs cat --topic draft | xs remove -", "frames, or ids, on stdin, one a line"],
  ],
  async run({ positionals }) {
    const target = splitTarget(positionals, [1, Number.POSITIVE_INFINITY], "ID", isAddress);
    const ids = await idsOf(target.rest);
    // What printed them found none: then there is nothing to do, and the store need not be there.
    if (ids.length > 0) await removeAll(target, ids);
  },
};

/** The first of several words may be the name of a folder. */
function isAddress(word: string): boolean {
  return looksLikeAddress(word) || (word !== "-" && !isId(word) && existsSync(word));
}

/** All of them, or none where one is wrong. @throws UsageError; XsError `bad_id` for lines of stdin */
async function idsOf(words: readonly string[]): Promise<string[]> {
  if (!words.includes("-")) return words.map((word) => parsed(() => parseId(word)));
  if (words.length > 1) throw new UsageError("- stands alone: all ids come from stdin then");
  const lines = (await readAll()).split("\n").map((line) => line.trim());
  const given = lines.filter((line) => line !== "").map((line) => ({ line, id: idIn(line) }));
  const wrong = given.filter(({ id }) => id === undefined).map(({ line }) => quoted(line));
  if (wrong.length === 0) return given.map(({ id = "" }) => id);
  const others = wrong.length > NAMED ? ` and ${wrong.length - NAMED} more` : "";
  throw new XsError(
    "bad_id",
    `on stdin ${wrong.slice(0, NAMED).join(", ")}${others} ${wrong.length === 1 ? "is" : "are"} neither an id nor a frame: nothing was removed`,
  );
}

/** The id that a line is, or that of the frame that it is. */
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

async function removeAll(target: Target, ids: readonly string[]): Promise<void> {
  await withClient(target, {}, async (client) => {
    for (let done = 0; done < ids.length; done += AT_ONCE) {
      const step = ids.slice(done, done + AT_ONCE);
      const asked = step.map((id) => client.request(`/${id}`, { method: "DELETE" }));
      const outcomes = await Promise.allSettled(asked);
      const failed = outcomes.find((outcome) => outcome.status === "rejected");
      if (!failed) continue;
      const { reason } = failed;
      if (ids.length === 1 || !(reason instanceof XsError)) throw reason;
      const gone = done + outcomes.filter(({ status }) => status === "fulfilled").length;
      throw new XsError(
        reason.code,
        `${reason.message} (of ${plural(ids.length, "frames")} ${gone.toLocaleString("en")} are removed: remove them all again for the rest)`,
        { cause: reason },
      );
    }
  });
}
