import type { ArgsDef } from "citty";
import { isStoreAddress } from "../../client/address.ts";
import { changeLine } from "../../core/entry.ts";
import { parseMediaType, parseRevisions } from "../../core/header.ts";
import { parseClientKey, parseKey, parseKeyPrefix } from "../../core/key.ts";
import { sniffedType } from "../../lib/text.ts";
import { bytesIn } from "../../net/text-body.ts";
import { readInput } from "../kit/input.ts";
import { pipeOut, writeOut } from "../kit/output.ts";
import { followOut, PULSE_OPTION, pulseOf } from "../kit/read.ts";
import { splitTarget, type Target, withClient } from "../kit/target.ts";
import { parsed, type Verb } from "../kit/verb.ts";

/** The revision a write depends on, as a header of HTTP. */
const CONDITION_OPTIONS = {
  "if-match": { type: "string", valueHint: "REV", description: "only if this is its revision" },
  "if-none-match": { type: "string", valueHint: "*", description: "only if there is none yet" },
} as const satisfies ArgsDef;

export const kvGet: Verb = {
  name: "kv get",
  summary: "Print the value of a key, byte for byte",
  positionals: "[ADDR] KEY",
  options: {
    json: { type: "boolean", description: "the whole pair as a line of JSON, as kv watch has it" },
  },
  examples: [["xs kv get views/count", "the value; exit 1 if there is none"]],
  async run({ positionals, options }) {
    const { target, path, key } = keyOf(positionals);
    await withClient(target, {}, async (client) => {
      const response = await client.request(path);
      if (!options.has("json")) return pipeOut(response);
      const { headers } = response;
      const rev = JSON.parse(headers.get("etag") ?? '""') as string;
      const type = headers.get("content-type") ?? "";
      await writeOut(`${changeLine({ key, rev, type, value: await bytesIn(response) })}\n`);
    });
  },
};

export const kvPut: Verb = {
  name: "kv put",
  summary: "Store the value of a key, read from stdin",
  positionals: "[ADDR] KEY",
  options: {
    type: {
      type: "string",
      valueHint: "TYPE",
      description: "its media type; text/plain or application/octet-stream if left out",
    },
    ...CONDITION_OPTIONS,
  },
  examples: [
    ["echo 3 | xs kv put views/count", "prints the pair with its revision"],
    ["xs kv put me --type application/json < me.json", "JSON stays JSON in a watch"],
    ["echo 1 | xs kv put lock --if-none-match '*'", "only if nobody has it"],
  ],
  async run({ positionals, options }) {
    const { target, path } = keyOf(positionals, parseClientKey);
    const headers = conditionHeaders(options);
    const given = options.get("type");
    const type = given === undefined ? undefined : parsed(() => parseMediaType(given, "--type"));
    const body = await readInput();
    headers.set("content-type", type ?? typeOf(body));
    await withClient(target, { create: true }, async (client) => {
      await pipeOut(await client.request(path, { method: "PUT", headers, body }));
    });
  },
};

export const kvDelete: Verb = {
  name: "kv delete",
  summary: "Remove a key and its value",
  positionals: "[ADDR] KEY",
  options: CONDITION_OPTIONS,
  examples: [["xs kv delete views/count", "nothing is printed"]],
  async run({ positionals, options }) {
    const { target, path } = keyOf(positionals, parseClientKey);
    const headers = conditionHeaders(options);
    await withClient(target, {}, async (client) => {
      await client.request(path, { method: "DELETE", headers });
    });
  },
};

export const kvList: Verb = {
  name: "kv list",
  summary: "List keys with revision, size and type, as JSON lines",
  positionals: "[ADDR] [PREFIX]",
  options: {},
  examples: [
    ["xs kv list", "all of them"],
    ["xs kv list views/", "those that begin with views/"],
  ],
  async run({ positionals }) {
    // A lone argument with a slash may be either: it is an address only if it is there.
    const target = splitTarget(positionals, [0, 1], "", isStoreAddress);
    const prefix = parsed(() => parseKeyPrefix(target.rest[0] ?? ""));
    const query = new URLSearchParams({ prefix });
    await withClient(target, {}, async (client) => {
      await pipeOut(await client.request(`/kv?${query}`));
    });
  },
};

export const kvWatch: Verb = {
  name: "kv watch",
  summary: "Follow a key, or all below a prefix that ends with /: what is there, then every change",
  positionals: "[ADDR] KEY",
  options: {
    prefix: { type: "boolean", description: "KEY is a prefix, whatever it ends with" },
    ...PULSE_OPTION,
  },
  examples: [
    ["xs kv watch views/", "every pair below views/, a threshold, then each change"],
    ["xs kv watch ./store cursor", "one key of a store"],
    ["xs kv watch '' --prefix", "every key"],
  ],
  async run({ positionals, options }) {
    const target = splitTarget(positionals, 1, "KEY");
    const [key = ""] = target.rest;
    const query = new URLSearchParams({ follow: pulseOf(options) ?? "true" });
    const isPrefix = options.has("prefix") || key.endsWith("/");
    if (isPrefix)
      query.set(
        "prefix",
        parsed(() => parseKeyPrefix(key)),
      );
    const path = isPrefix ? "/kv" : pathOf(parsed(() => parseKey(key)));
    await withClient(target, { serverOnly: true }, async (client) => {
      await followOut({ follow: true }, await client.request(`${path}?${query}`));
    });
  },
};

function keyOf(
  positionals: readonly string[],
  parse = parseKey,
): { target: Target; path: string; key: string } {
  const target = splitTarget(positionals, 1, "KEY");
  const key = parsed(() => parse(target.rest[0] ?? ""));
  return { target, path: pathOf(key), key };
}

function pathOf(key: string): string {
  return `/kv/${encodeURIComponent(key)}`;
}

function conditionHeaders(options: ReadonlyMap<string, string>): Headers {
  const headers = new Headers();
  for (const name of Object.keys(CONDITION_OPTIONS)) {
    const value = options.get(name);
    if (value === undefined) continue;
    headers.set(
      name,
      parsed(() => parseRevisions(value, `--${name}`)),
    );
  }
  return headers;
}

function typeOf(body: Uint8Array | ReadableStream): string {
  // A value longer than what is read at once is rarely meant for a reader's eyes.
  return body instanceof Uint8Array ? sniffedType(body) : "application/octet-stream";
}
