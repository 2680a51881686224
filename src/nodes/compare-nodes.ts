import { XsError } from "../core/error.ts";
import type { Cluster } from "../store/journal/journal.ts";
import type { ComparedNode, NodeDigest } from "../store/nodes.ts";
import type { Replica } from "../store/sqlite/replica/replica.ts";
import type { DigestState, Digests } from "./digests.ts";
import type { Router } from "./node-store.ts";
import { decode, encode, type Question, type Reply, valueIn } from "./operations.ts";

/** How long a node may think about a question, in ms. */
const ASK_MS = 2000;
/** How often a node is asked how far it is, in ms. */
const POLL_MS = 200;
/** How long a node may take to come to the mark, in ms. */
const MARK_MS = 30_000;
/** How often all nodes are asked to read at one record: another mark may come between. */
const TRIES = 3;

/** What a comparison uses. */
export interface CompareUses {
  readonly replica: Replica;
  readonly cluster: Cluster;
  readonly router: Router;
  /** Those of this node. */
  readonly digests: Digests;
}

/**
 * Compares what all nodes have at one record. Each is asked to read when it has applied a mark: a record that says once
 * more that this node is there. So all read the same record, and nobody waits.
 */
export async function compareNodes(
  uses: CompareUses,
  signal: AbortSignal,
): Promise<ComparedNode[]> {
  for (let tries = 1; ; tries++) {
    const digests = await digestsOf(uses, signal);
    const records = new Set(
      [...digests.values()].flatMap((digest) =>
        typeof digest === "string" ? [] : [digest.record],
      ),
    );
    if (records.size <= 1) return compared(digests);
    if (tries < TRIES) continue;
    throw new XsError("not_reached", "nodes came or went meanwhile: try it again");
  }
}

/** The digest of each node, or why there is none. */
async function digestsOf(
  uses: CompareUses,
  signal: AbortSignal,
): Promise<Map<string, NodeDigest | string>> {
  const { replica, router } = uses;
  const self = replica.options.self.node;
  const names = [...new Set([...replica.state.nodes, self])].sort();
  const token = crypto.randomUUID();
  const prepared = await Promise.all(
    names.map(async (name) => (await ask(uses, name, { do: "prepare", token })) === true),
  );
  await router.write({ do: "join", node: self });
  const digests = await Promise.all(
    names.map((name, at) =>
      prepared[at] ? digestOf(uses, name, token, signal) : "it does not answer",
    ),
  );
  return new Map(names.map((name, at) => [name, digests[at] ?? ""]));
}

async function digestOf(
  uses: CompareUses,
  name: string,
  token: string,
  signal: AbortSignal,
): Promise<NodeDigest | string> {
  const markBy = performance.now() + MARK_MS;
  let silentSince: number | undefined;
  for (;;) {
    signal.throwIfAborted();
    const state = (await ask(uses, name, { do: "digest", token })) as DigestState | undefined;
    if (state?.state === "done") return state.digest;
    if (state?.state === "failed") return state.why;
    const now = performance.now();
    if (state?.state === "waits" && now > markBy) return "it is too far behind";
    silentSince = state ? undefined : (silentSince ?? now);
    if (silentSince !== undefined && now - silentSince > MARK_MS) return "it does not answer";
    await Bun.sleep(POLL_MS);
  }
}

/** Asks a node, which may be this one. Resolves to undefined where it does not answer, or does not know the question. */
async function ask(
  { replica, cluster, digests }: CompareUses,
  name: string,
  question: Extract<Question, { do: "prepare" | "digest" }>,
): Promise<unknown> {
  if (name === replica.options.self.node) {
    return question.do === "prepare"
      ? digests.prepare(question.token)
      : digests.stateOf(question.token);
  }
  try {
    const answer = await cluster.messages.ask(name, encode(question), ASK_MS);
    return valueIn(decode<Reply>(answer)).value;
  } catch (error) {
    if (error instanceof XsError) return undefined;
    throw error;
  }
}

/** Says of each node what it has other than most. */
function compared(digests: ReadonlyMap<string, NodeDigest | string>): ComparedNode[] {
  const there = [...digests].filter(
    (entry): entry is [string, NodeDigest] => typeof entry[1] !== "string",
  );
  const groups = [...Map.groupBy(there, ([, digest]) => textOf(digest)).values()].sort(
    (one, other) => other.length - one.length,
  );
  const [first = [], second = []] = groups;
  // Of two nodes that differ, nobody can say which is right.
  const right = first.length > second.length ? first[0]?.[1] : undefined;
  return [...digests].map(([node, digest]): ComparedNode => {
    if (typeof digest === "string") {
      return { node, record: null, differs: [], problem: `${digest}: it was not compared` };
    }
    const reference = right ?? there.find(([, other]) => textOf(other) !== textOf(digest))?.[1];
    const differs = reference ? differences(digest, reference) : [];
    const problem = differs.length === 0 ? null : advice(node, differs, right !== undefined);
    return { node, record: digest.record, differs, problem };
  });
}

function textOf({ chain, parts }: NodeDigest): string {
  return JSON.stringify([chain, parts]);
}

function differences(one: NodeDigest, other: NodeDigest): string[] {
  const names = [...new Set([...Object.keys(one.parts), ...Object.keys(other.parts)])];
  const parts = names.filter((name) => one.parts[name] !== other.parts[name]);
  return one.chain === other.chain ? parts : ["history", ...parts];
}

function advice(node: string, differs: readonly string[], isKnown: boolean): string {
  const what = `its ${differs.join(", ")} ${isKnown ? "differ from those of most nodes" : "differ from those of the others, and no majority says which are right: see what  xs verify  says on each"}`;
  return `${what}; to build ${node} anew from the journal, stop its server, delete events.db* in its directory and start it again`;
}
