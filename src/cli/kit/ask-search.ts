import type { Client } from "../../client/client.ts";
import { XsError } from "../../core/error.ts";

/** For so long, in ms, a command keeps a store from others while the index of the search is made. */
const KEPT_MS = 3000;
/** And for so long it leaves the store to them. */
const FREE_MS = 100;

/**
 * Does what asks a search, by one client after another: while an index is made by this process, which has the store
 * open, others find it free now and then.
 *
 * @param find gets undefined from {@link askSearch} where it is the turn of others, and returns it, as its client closes
 */
export async function inTurns<T>(find: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    await Bun.sleep(FREE_MS);
  }
}

/**
 * Asks a search until its index is made. Returns undefined where it is the turn of others, see {@link inTurns}.
 *
 * @param path of the request
 * @param building runs before the next question: it says how far the index is, and waits a moment
 * @throws as the request and as `building`
 */
export async function askSearch(
  client: Client,
  path: string,
  building: (error: XsError) => Promise<void>,
  init?: RequestInit,
): Promise<Response | undefined> {
  const started = performance.now();
  let keeps = false;
  for (;;) {
    try {
      return await client.request(path, init);
    } catch (error) {
      if (!(error instanceof XsError) || error.code !== "index_building") throw error;
      await building(error);
    }
    if (keeps || performance.now() - started < KEPT_MS) continue;
    keeps = !(await mayLetGo(client));
    if (!keeps) return undefined;
  }
}

/** Whether the index stays when the client closes: one of a store that is only read is in a temporary folder. */
async function mayLetGo(client: Client): Promise<boolean> {
  const facts = (await (await client.request("/-/info")).json()) as Record<string, unknown>;
  return facts.serves === false && facts.writable === true;
}
