import type { Client } from "../../client/client.ts";
import { quoted, XsError } from "../../core/error.ts";
import { memberText } from "../../core/json.ts";
import { textIn } from "../../net/text-body.ts";

const DEFAULT_LIMIT_MS = 60_000;

/** Which state is wanted, of which handler. */
export interface StateWanted {
  readonly client: Client;
  readonly name: string;
  /** Before and after this frame; else now. */
  readonly id: string | undefined;
  /** How long a run on history may take, in ms; a minute where it is left out. */
  readonly limit?: number | undefined;
  /** Ends a run on history, where its answer is no longer wanted. */
  readonly signal?: AbortSignal;
  /** The only environment variables that the script gets then; all but the token where it is left out. */
  readonly scriptEnv?: readonly string[] | undefined;
}

/**
 * The state of a handler as JSON text: now, or `{"before":…,"after":…}` around a frame, with what the handler wrote for it.
 *
 * @throws XsError `not_found`; `bad_request` with the reason why the state of then cannot be found
 */
export async function handlerState(wanted: StateWanted): Promise<string> {
  const { client, name, id, limit = DEFAULT_LIMIT_MS, signal, scriptEnv } = wanted;
  const record = await client
    .request(`/kv/${encodeURIComponent(`stream.cross.handler/${name}`)}`)
    .then(textIn, (error) => {
      if (error instanceof XsError && error.code === "not_found") return undefined;
      throw error;
    });
  if (id === undefined) return stateIn(record, name);
  const { stateAt } = await import("../past/state-at.ts");
  return stateAt({ client, name, id, record, limit, signal, scriptEnv });
}

function stateIn(record: string | undefined, name: string): string {
  if (record === undefined) {
    throw new XsError(
      "not_found",
      `there is no handler ${quoted(name)} that has run, or it was removed: xs ps --all lists those there are`,
    );
  }
  const state = memberText(record, "state");
  if (state !== undefined) return state;
  throw new XsError(
    "not_found",
    `the handler ${quoted(name)} has no state: its script neither declares initial nor has returned next`,
  );
}
