import type { Listener } from "../api/listen.ts";
import { shellWord, XsError } from "../core/error.ts";
import { throwIfNotOk } from "../net/api-answer.ts";
import { type Ask, httpAsk, type Place } from "../net/http-client.ts";
import { isStore } from "../store/is-store.ts";
import { lockHolder } from "../store/lock-holder.ts";
import type { MigrationListener } from "../store/migration.ts";
import { checkFound, isClosedToUs } from "../store/owner.ts";
import type { Address } from "./address.ts";
import type { Client } from "./client.ts";
import { firstTry } from "./first-try.ts";
import { reach, usualSocket } from "./reach.ts";
import { hasNamedRecord, seeingOwnWrites, withSafeRetries } from "./steady-ask.ts";
import type { Target, Waiting } from "./try-again.ts";

/** How {@link connect} may reach a store. */
export interface ConnectOptions {
  /** Creates the store if it does not exist. */
  readonly create?: boolean;
  /** The client is used for a request at once, which may then throw what `connect` throws. */
  readonly asksNext?: boolean;
  /** Hears of a store that this process created. */
  readonly made?: (directory: string) => void | Promise<void>;
  /** Requires a server, for what lasts: the message names it. */
  readonly serverOnly?: "following" | "waiting";
  /** Hears why a write waits to be tried again. */
  readonly waiting?: Waiting;
  /** Makes what hears of the migration when this process opens a store of an older version. */
  readonly migration?: () => Promise<MigrationListener>;
}

/**
 * Connects to the server of an address or, without one, opens the store in this process.
 *
 * @throws XsError `store_not_found`, `store_in_use`, `no_server`, `store_of_another`
 */
export async function connect(address: Address, options: ConnectOptions = {}): Promise<Client> {
  const { waiting } = options;
  if ("url" in address) {
    const { url, token } = address;
    const place =
      token === undefined ? { token: process.env.XS_TOKEN } : { token, inAddress: true };
    return remote(url, { url, ...place }, targetOf(url, { waiting }));
  }
  checkAddress(address);
  const { directory } = address;
  const target = targetOf(directory, { directory, waiting });
  const find = async () => {
    const reached = await reach(directory, () => openHere(directory, options));
    return "unix" in reached ? remote(directory, { unix: reached.unix }, target) : reached.opened;
  };
  const usual = options.asksNext ? usualSocket(directory) : undefined;
  return usual === undefined ? find() : firstTry(steady({ unix: usual }, target), find);
}

/**
 * Refuses a default store of another user. Call it before passing the address on: the receiver would treat
 * it as an address that the user named.
 *
 * @throws XsError `store_of_another`
 */
export function checkAddress(address: Address): void {
  if ("directory" in address && address.found) checkFound(address.directory);
}

/** Opens the store here; undefined if another process has it open. @throws XsError `no_server`, `store_not_found` */
async function openHere(
  directory: string,
  { create, serverOnly, migration, made }: ConnectOptions,
): Promise<Client | undefined> {
  // A running server restores a lost socket, so this waits for it.
  if (serverOnly && lockHolder(directory)?.serves) return undefined;
  if (serverOnly) {
    throw new XsError(
      "no_server",
      `${serverOnly} needs a server, and none serves ${directory}: start one with  xs serve ${shellWord(directory)}`,
    );
  }
  // A directory that is closed to this user may hold a store or not; opening it reports the real problem.
  if (!create && !isStore(directory) && !isClosedToUs(directory)) {
    throw noStoreAt(directory);
  }
  const isNew = !isStore(directory);
  const client = await direct(directory, migration);
  if (client && isNew) await made?.(directory);
  return client;
}

/** The refusal of a directory without a store. */
export function noStoreAt(directory: string): XsError {
  return new XsError(
    "store_not_found",
    `there is no store at ${directory}: name another, or make it with  xs serve ${shellWord(directory)}`,
  );
}

function targetOf(at: string, more: Pick<Target, "directory" | "waiting">): Target {
  return { at, ...more, isKnownNode: () => hasNamedRecord(at) };
}

/** Asks a server: so that a command reads what it wrote, and writes once, whatever nodes of a store do meanwhile. */
function steady(place: Place, target: Target): Ask {
  return withSafeRetries(seeingOwnWrites(httpAsk(place), target.at), target);
}

function remote(address: string, place: Place, target: Target): Client {
  const token = "url" in place ? place.token : undefined;
  const close = async () => {};
  return {
    request: steady(place, target),
    token,
    serve: async () => address,
    [Symbol.asyncDispose]: close,
  };
}

async function direct(
  directory: string,
  migration: ConnectOptions["migration"],
): Promise<Client | undefined> {
  // Loaded only here: most commands find a server, and start faster without these modules.
  const { openForCommand } = await import("../store/sqlite/open.ts");
  const { api } = await import("../api/api.ts");
  const store = openForCommand(directory, await migration?.());
  if (!store) return undefined;
  const { record } = store;
  const records =
    record !== undefined &&
    (await import("../store/still-records.ts")).stillRecords(directory, record);
  const answer = api(store, {
    ...(records && { records }),
    async processors(all) {
      const { idleProcessors } = await import("../processors/lifecycle/expected.ts");
      const rows = await idleProcessors(store, "stopped");
      if (!all) return rows;
      const { allProcessors } = await import("../processors/lifecycle/all-processors.ts");
      return allProcessors(store, rows, "it starts with the next xs serve");
    },
    async nextStart() {
      const { nextStart } = await import("../processors/lifecycle/expected.ts");
      return nextStart(store);
    },
    async neededFrames() {
      const { neededFrames } = await import("../processors/lifecycle/expected.ts");
      return neededFrames(store);
    },
  });
  let listener: Listener | undefined;
  const ask: Ask = async (path, init) =>
    throwIfNotOk(await answer(new Request(`http://localhost${path}`, init)));
  return {
    request: seeingOwnWrites(ask, directory),
    isDirect: true,
    async serve() {
      const { listen } = await import("../api/listen.ts");
      listener ??= await listen(directory, answer);
      return directory;
    },
    async [Symbol.asyncDispose]() {
      await listener?.stop(0);
      await store.close();
    },
  };
}
