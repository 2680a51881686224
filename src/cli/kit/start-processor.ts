import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";
import type { Frame } from "../../core/frame.ts";
import type { Outcome } from "./outcome.ts";
import {
  doesRun,
  inShort,
  listProcessors,
  type Named,
  RuntimeFrames,
  runsProcessors,
  serveCommand,
} from "./processors.ts";
import type { Target } from "./target.ts";

/** What the runtime may answer to a spawn. */
const ANSWERS = new Set([
  "active",
  "invalid",
  "replaced",
  "terminated",
  "stopped",
  "failed",
  "finished",
]);

async function runs(client: Client, { kind, name }: Named): Promise<boolean> {
  const rows = await listProcessors(client);
  return rows.some((row) => row.kind === kind && row.name === name && doesRun(row));
}

/**
 * Appends a spawn and waits until it runs. Without a server the outcome says when it will.
 *
 * @param append appends the spawn, and returns its frame
 * @param advice ends the text of the outcome
 * @throws XsError with the reason where it does not run
 */
export async function startProcessor(
  client: Client,
  target: Pick<Target, "address">,
  named: Named,
  append: () => Promise<Frame>,
  advice = "",
): Promise<Outcome> {
  const { kind, name } = named;
  const running = await runsProcessors(client);
  if (running !== "yes") {
    await append();
    const serve = serveCommand(target);
    const why = running === "no" ? "" : ": this server runs with --paused";
    return { isDone: false, text: `${kind} ${name} starts with the next  ${serve}${why}${advice}` };
  }
  await using frames = await RuntimeFrames.open(client, kind);
  const { id } = await append();
  let isReplacing = false;
  const answer = await frames.find(name, ({ event, meta }) => {
    if (event === "replaced" && meta.by === id) isReplacing = true;
    return meta.spawn_id === id && ANSWERS.has(event);
  });
  if (!answer) {
    throw new XsError(
      "no_answer",
      `${kind} ${name} has not started within a minute, and may still: the one before it has to end first; see  xs ps  and  xs ${kind} logs ${name}`,
    );
  }
  const { event, meta } = answer;
  if (event === "active") {
    const replaced = isReplacing ? ": it replaced the one before" : "";
    return { isDone: true, text: `${kind} ${name} is active${replaced}${advice}` };
  }
  const why = event === "invalid" ? "is invalid" : `does not run: it was ${event}`;
  const reason = inShort(meta.reason);
  const goesOn = (await runs(client, named)) ? "\nthe one before goes on" : "";
  const because = reason === "" ? "" : `: ${reason}`;
  throw new XsError("bad_request", `${kind} ${name} ${why}${because}${goesOn}`);
}
