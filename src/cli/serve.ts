import { api } from "../api/api.ts";
import { type Listener, listen } from "../api/listen.ts";
import { defaultAddress, parseAddress } from "../client/address.ts";
import { findSocket } from "../client/connect.ts";
import { XsError } from "../frame/error.ts";
import { FOREVER } from "../frame/ttl.ts";
import { Processors } from "../processors/processors.ts";
import { openSqliteStore } from "../store/sqlite-store.ts";
import type { Store } from "../store/store.ts";
import { version } from "../version.ts";
import { messages } from "./messages.ts";
import { UsageError, type Verb } from "./verb.ts";

/** How long a start waits for a short command that has the store open. */
const LOCK_WAIT_MS = 5000;
/** How long requests under way may take to end at a stop. */
const STOP_MS = 2000;

export const serve: Verb = {
  name: "serve",
  summary: "Keep a store and answer on its socket",
  positionals: "[PATH]",
  options: {},
  examples: [
    ["xs serve ./store", "made if it is not there"],
    ["xs serve", "the default store"],
  ],
  async run({ positionals }) {
    if (positionals.length > 1) throw new UsageError("serve takes one store");
    const [path] = positionals;
    const address = path === undefined ? defaultAddress() : parseAddress(path);
    if ("url" in address) throw new UsageError(`serve takes a directory, not ${address.url}`);
    const { directory } = address;
    const store = await open(directory);
    const signal = nextSignal();
    const processors = new Processors(store);
    let listener: Listener;
    try {
      listener = await listen(directory, api(store, { processors: () => processors.status() }));
      // No request is read before this returns to the event loop, so the frame comes first.
      await record(store, "start", { version, pid: process.pid });
      await processors.start();
    } catch (error) {
      await store.close();
      throw error;
    }
    messages.success(`serving ${directory}\n  echo hi | xs append ${directory} note`);
    const reason = await Promise.race([signal, store.failure]);
    if (reason instanceof Error) throw reason;
    await stop(store, processors, listener, reason);
  },
};

async function stop(
  store: Store,
  processors: Processors,
  listener: Listener,
  reason: string,
): Promise<void> {
  // A second signal is an order to leave at once: all that was acknowledged is safe anyway.
  void nextSignal().then(() => process.exit(1));
  await record(store, "stop", { reason });
  await processors.stop();
  store.endReads();
  await listener.stop(STOP_MS);
  const left = store.content.staged().contents;
  if (left > 0) messages.info(`settling ${left} contents`);
  await store.close();
}

async function open(directory: string): Promise<Store> {
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    const store = openSqliteStore(directory);
    if (store) return store;
    if ((await findSocket(directory)) !== undefined) {
      throw new XsError(
        "store_in_use",
        `${directory} is served already: use it as  xs cat ${directory}  (socket ${directory}/sock)`,
      );
    }
    if (Date.now() > deadline) {
      throw new XsError("store_in_use", `another xs command has ${directory} open: wait for it`);
    }
    await Bun.sleep(5);
  }
}

function record(store: Store, event: "start" | "stop", meta: object): Promise<string> {
  const topic = `stream.cross.${event}`;
  return store.append({ topic, meta: JSON.stringify(meta), ttl: FOREVER, content: null });
}

function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve(name));
  });
}
