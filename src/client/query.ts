import { XsError } from "../core/error.ts";
import { httpAsk } from "../net/http-client.ts";
import { textIn } from "../net/text-body.ts";
import { isStore } from "../store/is-store.ts";
import { lockHolder } from "../store/lock-holder.ts";
import type { MigrationListener } from "../store/migration.ts";
import { isClosedToUs } from "../store/owner.ts";
import type { QuerySnapshot } from "../store/query.ts";
import type { Address } from "./address.ts";
import { checkAddress, noStoreAt } from "./connect.ts";
import { inUse, reach } from "./reach.ts";

/** The longest wait for a server to tell that all it has committed is durable, in ms. */
const DURABLE_WAIT_MS = 10_000;

/** So often the server of a store may go while it is asked. */
const MAX_TRIES = 10;

/**
 * Takes a snapshot of the store in a directory: of its files, in this process. Beside a server it has what the server has
 * acknowledged, and nothing that a power cut could take back.
 *
 * @param migration makes what hears of the migration of a store of an older version
 * @throws XsError as `connect` does; `bad_option` for an address that is no directory
 */
export async function takeSnapshot(
  address: Address,
  migration: () => Promise<MigrationListener>,
): Promise<QuerySnapshot> {
  if ("url" in address) throw elsewhere(address.url);
  checkAddress(address);
  const { directory } = address;
  const { openSnapshot, snapshotBeside } = await import("../store/sqlite/sql/open-snapshot.ts");
  const open = async () => {
    if (!isStore(directory) && !isClosedToUs(directory)) throw noStoreAt(directory);
    return openSnapshot(directory, await migration());
  };
  for (let tries = 1; ; tries++) {
    const reached = await reach(directory, open);
    if ("opened" in reached) return reached.opened;
    if (!isStore(directory)) throw elsewhere(directory);
    const snapshot = snapshotBeside(directory);
    try {
      await allIsDurable(reached.unix, directory);
      return snapshot;
    } catch (error) {
      snapshot[Symbol.dispose]();
      const hasGone = error instanceof XsError && error.code === "no_server";
      if (!hasGone || tries === MAX_TRIES) throw error;
    }
  }
}

/**
 * Resolves once all that a server had committed before is durable.
 *
 * @throws XsError `no_server` where it ends meanwhile, `store_in_use` where it does not answer
 */
async function allIsDurable(unix: string, directory: string): Promise<void> {
  const signal = AbortSignal.timeout(DURABLE_WAIT_MS);
  try {
    await textIn(await httpAsk({ unix })("/-/info", { signal }));
  } catch (error) {
    if (signal.aborted) throw inUse(directory, lockHolder(directory));
    throw error;
  }
}

/** The refusal of a store whose files are not here. */
function elsewhere(place: string): XsError {
  return new XsError(
    "bad_option",
    `xs sql reads the files of a store, and ${place} is a server: run it there, as in  ssh HOST xs sql -s ./store QUERY;  xs search, xs topics and xs cat ask a server`,
  );
}
