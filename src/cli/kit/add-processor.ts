import type { ArgsDef } from "citty";
import type { Client } from "../../client/client.ts";
import { TTL_FORMS } from "../../core/ttl.ts";
import { connect } from "./connect.ts";
import { messages } from "./messages.ts";
import { sayOutcome } from "./outcome.ts";
import { appendRequest, handlingProcessors, listProcessors, type Named } from "./processors.ts";
import type { Script } from "./script-file.ts";
import { spawnMeta } from "./spawn-options.ts";
import { startProcessor } from "./start-processor.ts";
import type { Target } from "./target.ts";
import { text } from "./verb.ts";

/** The options of generators and handlers. */
export const SPAWN_OPTIONS = {
  ttl: text("TTL", `how long the store keeps its output: ${TTL_FORMS}; default forever`),
  restart: text("always|on-failure|never", "when it runs again after its program ended"),
  runtime: text("ts|nu|exec|sh", "what runs the script; else the file says it"),
} satisfies ArgsDef;

/**
 * Appends the spawn of a processor, and waits until it runs.
 *
 * @param known the options of the verb, each of which is one of the spawn
 * @param readScript reads the script; gets whether the command line names the runtime
 * @throws UsageError, and as `startProcessor` does
 */
export async function addProcessor(
  target: Target,
  named: Named,
  options: ReadonlyMap<string, string>,
  known: ArgsDef,
  readScript: (hasRuntime: boolean) => Promise<Script>,
): Promise<void> {
  const meta = await spawnMeta(named, options, known);
  // Read first: with no server the client locks the store for as long as it is open.
  const { bytes, runtime } = await readScript(options.has("runtime"));
  await using client = await connect(target.address, { create: true });
  const full = { ...meta, ...(runtime && { runtime }) };
  const append = () => appendRequest(client, `stream.cross.${named.kind}.spawn`, full, bytes);
  await handlingProcessors(async () => {
    sayOutcome(await startProcessor(client, target, named, append));
    if (options.has("every")) await sayNext(client, named);
  });
}

/** Says when a generator with a schedule runs first. With no server nobody knows. */
async function sayNext(client: Client, { kind, name }: Named): Promise<void> {
  const rows = await listProcessors(client);
  const next = rows.find((row) => row.kind === kind && row.name === name)?.next ?? null;
  if (next === null) return;
  const { untilTime } = await import("../terminal/clock.ts");
  messages.info(`its next run: ${untilTime(Date.parse(next))}`);
}
