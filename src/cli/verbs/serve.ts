import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { api } from "../../api/api.ts";
import type { Api } from "../../api/call.ts";
import { expose, type Listener, listen } from "../../api/listen.ts";
import { defaultAddress, parseAddress } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import { checkAddress } from "../../client/connect.ts";
import { inUse, reach } from "../../client/reach.ts";
import { shellWord, XsError } from "../../core/error.ts";
import { FOREVER } from "../../core/ttl.ts";
import { throwIfNotOk } from "../../net/api-answer.ts";
import { Descriptors } from "../../net/descriptors.ts";
import { httpAsk } from "../../net/http-client.ts";
import type { TcpAddress } from "../../net/listen-address.ts";
import { listeningSockets } from "../../net/listening-sockets.ts";
import { tokenOf } from "../../net/token.ts";
import type { Node } from "../../nodes/node.ts";
import type { Inquiry } from "../../processors/leader/lead.ts";
import type { LeaderProcessors } from "../../processors/leader/leader-processors.ts";
import { allProcessors } from "../../processors/lifecycle/all-processors.ts";
import { idleProcessors, neededFrames, nextStart } from "../../processors/lifecycle/expected.ts";
import { Processors } from "../../processors/lifecycle/processors.ts";
import type { ProcessorStatus } from "../../processors/lifecycle/status.ts";
import { isStore } from "../../store/is-store.ts";
import { type Holder, lockHolder } from "../../store/lock-holder.ts";
import { openSqliteStore } from "../../store/sqlite/open.ts";
import type { OpenStore, Store } from "../../store/store.ts";
import { Tokens } from "../../store/tokens.ts";
import type { AppendCondition } from "../../store/types.ts";
import type { Inspector } from "../../ui/inspector.ts";
import { version } from "../../version.ts";
import { madeStore } from "../kit/connect.ts";
import { lifecycleLines } from "../kit/lifecycle-lines.ts";
import { messages } from "../kit/messages.ts";
import { showMigration } from "../kit/migration.ts";
import { processorCounts } from "../kit/plural.ts";
import { readServeOptions, SERVE_OPTIONS, type ServeOptions } from "../kit/serve-options.ts";
import { secondSignal, stopSignal } from "../kit/signals.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

/** How long requests in progress may take to end at a stop. */
const STOP_MS = 2000;

/** How often a node tries to record that it started, while none leads, in ms. */
const RECORD_MS = 1000;

/** How long a server that does not answer may hold the store, how often to look, and how long it may think, in ms. */
const DYING_MS = 10_000;
const DYING_POLL_MS = 20;
const ANSWER_MS = 1000;

export const serveVerb: Verb = {
  name: "serve",
  summary: "Serve a store on its socket",
  positionals: "[PATH]",
  options: SERVE_OPTIONS,
  examples: [
    ["xs serve ./store", "creates the store if it is missing"],
    ["xs serve", "serves the default store"],
    ["xs serve ./store --http :3000", "a web server that answers from the stream"],
    ["xs serve ./store --ui :3030", "and a page that shows it"],
    ["xs serve ./store --expose :3021", "then, with XS_TOKEN:  xs cat :3021"],
  ],
  async run({ positionals, options, store: named }) {
    const [path, ...more] = [...(named === undefined ? [] : [named]), ...positionals];
    if (more.length > 0) throw new UsageError("serve takes one store");
    if (path === "") throw new UsageError("serve takes the path of a store: it is empty");
    const address = parsed(() => (path === undefined ? defaultAddress() : parseAddress(path)));
    if ("url" in address) throw new UsageError(`serve takes a directory, not ${address.url}`);
    const { directory } = address;
    const chosen = readServeOptions(options);
    checkAddress(address);
    checkPlaces(directory, chosen);
    const isNew = !isStore(directory);
    const node = chosen.journal === undefined ? undefined : await openNode(directory, chosen);
    const store = node ? node.store : await open(directory);
    if (isNew) messages.info(madeStore(directory));
    const signal = stopSignal();
    const led = node && (await processorsOf(node, chosen));
    const processors = led ?? new Processors(store, chosen.scriptEnv, lifecycleLines());
    const tokens = new Tokens(directory, undefined, ({ message }) =>
      messages.warn(`no token is taken but that of the owner: ${message}`),
    );
    const started = new Date().toISOString();
    const paused = chosen.paused && { paused: true };
    let listeners: Listeners | undefined;
    try {
      const answer = api(store, {
        tokens,
        ...(node && { records: node.router }),
        server: () => ({ pid: process.pid, started, ...paused, ...listeners?.addresses }),
        async processors(all) {
          const { rows, reason } = led
            ? await led.status()
            : await statusOf(store, processors as Processors, chosen.paused);
          return all ? allProcessors(store, rows, reason) : rows;
        },
        nextStart: () => nextStart(store),
        appendsDue: !chosen.paused,
        neededFrames: () => neededFrames(store),
        imported: (frames) => processors.imported(frames),
        brokeOff: (error) => messages.error(`an answer broke off: ${error.message}`),
        crowded: () => listeners?.descriptors?.crowded,
        ...(node && { nodes: node.overview }),
      });
      const served = { store, processors, answer, directory, tokens, node };
      listeners = await listenEverywhere(served, chosen);
      if (node) node.overview.address = listeners.addresses.expose;
      await store.keepThreads();
      store.startIndexing();
      if (processors instanceof Processors && chosen.paused) processors.pause();
      else await processors.start();
      if (!chosen.paused) store.startSchedules();
      if (!chosen.paused) store.upkeep.rules.start(() => neededFrames(store));
    } catch (error) {
      await store.close();
      throw error;
    }
    const rest = chosen.paused ? `, paused: ${await pausedSummary(store)}` : "";
    const lines = node && new (await import("../kit/node-lines.ts")).NodeLines(node);
    messages.success(
      `serving ${directory}${lines?.words ?? ""}${rest}\n  xs append ${shellWord(directory)} note hi${listeners.hints}`,
    );
    tokens.check();
    lines?.start();
    const reason = await Promise.race([signal, store.failure]);
    if (reason instanceof Error) throw reason;
    await stop({ store, processors, tokens, node }, listeners, reason);
  },
};

/** The processors of a store on several machines: they run here whenever this node leads. */
async function processorsOf(
  node: Node,
  { scriptEnv, paused }: ServeOptions,
): Promise<LeaderProcessors> {
  const { LeaderProcessors } = await import("../../processors/leader/leader-processors.ts");
  const lines = lifecycleLines();
  const runs = paused ? "with --paused: no processors run, and nothing that is scheduled" : "here";
  const led = new LeaderProcessors(node.store, node, {
    isPaused: paused,
    processorsOn: (store) => new Processors(store, scriptEnv, lines),
    failed: (error) => node.engine.stopFor(error),
    changed(epoch) {
      messages.info(
        epoch === undefined
          ? `the node ${node.name} does not lead any more: its processors and schedules have ended here`
          : `the node ${node.name} leads (epoch ${epoch}): processors and schedules run ${runs}`,
      );
    },
  });
  node.answerInquiry = (inquiry) => led.answer(inquiry as Inquiry);
  return led;
}

/** The rows of `xs ps`, and the reason why they do not run, or null. */
async function statusOf(
  store: Store,
  processors: Processors,
  paused: boolean,
): Promise<{ rows: readonly ProcessorStatus[]; reason: string | null }> {
  if (!paused) return { rows: await processors.status(), reason: null };
  return { rows: await idleProcessors(store, "paused"), reason: "the server runs with --paused" };
}

/** Refuses to listen twice in one place: binding would report another server there. @throws UsageError */
function checkPlaces(directory: string, { expose, http }: ServeOptions): void {
  const own = placeOf(join(directory, "sock"));
  for (const [name, place] of Object.entries({ expose, http })) {
    if (!place || !("path" in place) || placeOf(place.path) !== own) continue;
    throw new UsageError(
      `--${name} ${place.path} is the store's own socket, where the API answers anyway: name another place`,
    );
  }
  const [one, other] = [expose, http].map(
    (place) => place && "path" in place && placeOf(place.path),
  );
  if (one && one === other)
    throw new UsageError("--expose and --http name the same place: name two places");
}

/** The path of a socket, with the links to its folder resolved. */
function placeOf(path: string): string {
  const folder = dirname(path);
  return join(existsSync(folder) ? realpathSync(folder) : folder, basename(path));
}

/** Says, for a person, which processors a paused server does not run. */
async function pausedSummary(store: Store): Promise<string> {
  const what = processorCounts(await nextStart(store));
  if (!what) return "nothing would run anyway";
  const goOn = "to go on, stop this server and start it again without --paused";
  return `${what} wait for a start without --paused (xs ps)\n  ${goOn}`;
}

/** The places where a server listens. */
interface Listeners {
  readonly listeners: readonly Listener[];
  readonly descriptors: Descriptors | undefined;
  /** Those of --expose and --http. */
  readonly addresses: { readonly expose?: string; readonly http?: string };
  /** Command lines, for a person, that use --expose and --http. */
  readonly hints: string;
}

/** A store, its processors and its API, which the listeners serve. */
interface Served {
  readonly store: OpenStore;
  readonly processors: Processors | LeaderProcessors;
  readonly answer: Api;
  readonly directory: string;
  readonly tokens: Tokens;
  /** Where it is one of several machines. */
  readonly node: Node | undefined;
}

/** Listens everywhere. The frame of the start is in the log before any request gets an answer. */
async function listenEverywhere(
  { store, processors, answer, directory, tokens, node }: Served,
  options: ServeOptions,
): Promise<Listeners> {
  const { promise: opened, resolve: begin } = Promise.withResolvers<void>();
  const listeners: Listener[] = [];
  const owner = { report: messages.warn, isInPlace: () => store.isInPlace };
  const paused = options.paused && { paused: true };
  const addresses: { expose?: string; http?: string } = {};
  let hints = "";
  if (options.expose) {
    const listener = await expose(directory, options.expose, answer, {
      opened,
      owner,
      tokens,
    });
    listeners.push(listener);
    addresses.expose = listener.address;
    if ("port" in options.expose)
      hints += `\n  export XS_TOKEN=$(cat ${shellWord(join(directory, "token"))})`;
    hints += `\n  xs cat ${shellWord(listener.address)}`;
  }
  if (options.http) {
    const { Gateway } = await import("../../gateway/gateway.ts");
    const { http, limits } = options;
    const gateway = await Gateway.listen({ store, handlers: processors, limits }, http, opened);
    listeners.push(gateway);
    addresses.http = gateway.address;
    hints += "port" in options.http ? `\n  curl http://${gateway.address}` : "";
  }
  if (options.ui) {
    const inspector = await inspectorOf(directory, answer, opened, options.ui, options.scriptEnv);
    listeners.push(inspector);
    hints += `\n  ${inspector.link().url}  (the inspector: this link works once)`;
  }
  const others = { doors: [...listeners], sockets: listeningSockets() };
  const own = await listen(directory, answer, owner);
  listeners.push(own);
  const descriptors = Descriptors.watch(own, others, messages.warn);
  // The server reads no request before this returns to the event loop, so the frame comes first.
  const meta = { version, pid: process.pid, ...paused, ...addresses };
  // A node whose journal is out of reach can be read.
  if (node) void recordOfNode(node, "start", meta);
  else await record(store, "start", meta);
  begin();
  return { listeners, descriptors, addresses, hints };
}

/** The inspector of this server. It reads; the page of  xs ui --write  changes the store. */
async function inspectorOf(
  directory: string,
  answer: Api,
  opened: Promise<void>,
  at: TcpAddress,
  scriptEnv: ServeOptions["scriptEnv"],
): Promise<Inspector> {
  const { Inspector } = await import("../../ui/inspector.ts");
  const { backendOf } = await import("../kit/inspect.ts");
  const client: Client = {
    async request(path, init) {
      await opened;
      return throwIfNotOk(await answer(new Request(`http://localhost${path}`, init)));
    },
    serve: async () => directory,
    [Symbol.asyncDispose]: async () => {},
  };
  const backend = backendOf(client, { directory }, { writes: false, scriptEnv });
  return Inspector.listen(at, { ...backend, owner: tokenOf(directory) });
}

async function stop(
  { store, processors, tokens, node }: Pick<Served, "store" | "processors" | "tokens" | "node">,
  { listeners, descriptors }: Listeners,
  reason: string,
): Promise<void> {
  // A second signal ends the process at once: all acknowledged writes are safe. A hangup does not, because
  // a terminal that closes may send several.
  void secondSignal().then(() => process.exit(1));
  // Nobody may lead, or the journal not answer.
  if (node) await Promise.race([recordOfNode(node, "stop", { reason }), Bun.sleep(STOP_MS)]);
  else await record(store, "stop", { reason });
  await processors.stop();
  store.endReads();
  descriptors?.stop();
  await Promise.all(listeners.map((listener) => listener.stop(STOP_MS)));
  await tokens.close();
  await store.close((left) => messages.info(`flushing ${left} contents`));
}

async function open(directory: string): Promise<OpenStore> {
  const store = await opened(directory, () =>
    openSqliteStore(directory, undefined, showMigration()),
  );
  const { refusal } = store;
  if (!refusal) return store;
  await store.close();
  throw refusal;
}

/** Opens the directory as a node of a store on several machines. */
async function openNode(
  directory: string,
  { journal = "", node, content, unsafeJournal: unsafe }: ServeOptions,
): Promise<Node> {
  const { openOnJournal } = await import("../../nodes/open-on-journal.ts");
  const late = (problem: string | undefined) => {
    if (problem !== undefined) messages.warn(problem);
    else messages.info("the journal is there: this node takes writes, and catches up");
  };
  const report = (message: string, isNews = false) =>
    isNews ? messages.info(message) : messages.warn(message);
  const options = { journal, node, content, unsafe, late, report, migration: showMigration() };
  return opened(directory, () => openOnJournal(directory, options));
}

/** Opens a store, and waits for a process that is dying to let go of it. */
async function opened<T>(
  directory: string,
  openHere: () => T | undefined | Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + DYING_MS;
  for (;;) {
    // The lock comes first: for a moment, a child of a server that was killed may still hold its socket open.
    const free = await openHere();
    if (free) return free;
    const reached = await reach(directory, openHere);
    if ("opened" in reached) return reached.opened;
    // A process that was killed has its lock and its socket until it is gone: only one that answers is in the way.
    if (await doesAnswer(reached.unix)) {
      const holder = lockHolder(directory);
      if (holder && !holder.serves) throw answeredFor(directory, holder);
      throw new XsError(
        "store_in_use",
        `${directory} is served already: use it as  xs cat ${shellWord(directory)}  (socket ${directory}/sock)`,
      );
    }
    if (performance.now() > deadline) throw inUse(directory, lockHolder(directory));
    await Bun.sleep(DYING_POLL_MS);
  }
}

/** The refusal of a store for which a command answers that has it open, as  xs ui  does. */
function answeredFor(directory: string, { pid, command }: Holder): XsError {
  return new XsError(
    "store_in_use",
    `process ${pid} (${command}) has ${directory} open and answers for it, without processors: end it, with Ctrl-C there or  kill ${pid} , and start the server again; then  xs ui  shows what is served`,
  );
}

/** Tells whether a server answers on a socket. */
async function doesAnswer(unix: string): Promise<boolean> {
  try {
    await httpAsk({ unix })("/health", { signal: AbortSignal.timeout(ANSWER_MS) });
    return true;
  } catch {
    return false;
  }
}

function record(
  store: Store,
  event: "start" | "stop",
  meta: object,
  condition?: AppendCondition,
): Promise<string> {
  const topic = `stream.cross.${event}`;
  const request = { topic, meta: JSON.stringify(meta), ttl: FOREVER, content: null };
  return store.append(request, condition);
}

/** The same on one of several machines: as soon as one leads, and once even where an answer is lost. */
async function recordOfNode(node: Node, event: "start" | "stop", meta: object): Promise<void> {
  const idempotencyKey = crypto.randomUUID();
  while (!node.isClosed) {
    try {
      await record(node.store, event, { ...meta, node: node.name }, { idempotencyKey });
      return;
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== "not_leader" && code !== "journal_unreachable") return;
    }
    await Bun.sleep(RECORD_MS);
  }
}
