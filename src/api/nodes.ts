import { existsSync } from "node:fs";
import { join } from "node:path";
import { shellWord, XsError } from "../core/error.ts";
import { NODE_NAME } from "../store/is-store.ts";
import type { Nodes } from "../store/nodes.ts";
import type { Call } from "./call.ts";
import { NO_STORE, ndjsonResponse } from "./json-response.ts";

/** Responds with one line for each node of a store on several machines, by name, and one for its journal. */
export async function listNodes(call: Call): Promise<Response> {
  const rows = await nodesOf(call).list();
  return ndjsonResponse(
    rows.map((row) => JSON.stringify(row)),
    NO_STORE,
  );
}

/** Takes a node that will not come back from the list. */
export async function forgetNode(call: Call, _: object, name: string): Promise<Response> {
  await nodesOf(call).forget(name);
  return new Response(null, { status: 204 });
}

/** Responds with one line for each thing that the promises of the store stand on. */
export async function checkNodes(call: Call): Promise<Response> {
  const findings = await nodesOf(call).check();
  const lines = findings.map(({ ok, what, howToMend }) =>
    JSON.stringify({ ok, what, mend: howToMend ?? null }),
  );
  return ndjsonResponse(lines, NO_STORE);
}

/** The nodes of the store. @throws XsError `not_replicated`, or `no_server` where a command has opened a node */
export function nodesOf({ store, context }: Call): Nodes {
  if (context.nodes) return context.nodes;
  if (existsSync(join(store.path, NODE_NAME))) {
    const serve = `xs serve ${shellWord(store.path)} --journal URL`;
    throw new XsError(
      "no_server",
      `the server of a node knows the others: start it with  ${serve}`,
    );
  }
  throw new XsError(
    "not_replicated",
    "this store is on one machine: it has no nodes; docs/nodes.md says how to put it on several",
  );
}
