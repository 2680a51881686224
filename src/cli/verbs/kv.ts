import { changeLine } from "../../core/entry.ts";
import { quoted, shellWord } from "../../core/error.ts";
import { parseIdempotencyKey, parseMediaType, parseRevisions } from "../../core/header.ts";
import { parseClientKey, parseKey, parseKeyPrefix } from "../../core/key.ts";
import { sniffedType } from "../../lib/text.ts";
import { bytesIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { EMPTY_OPTION, readContent } from "../kit/content.ts";
import { follow, PULSE_OPTION, pulseOf, RECONNECT_OPTION, reconnectIn } from "../kit/read.ts";
import { printAnswer } from "../kit/response-body.ts";
import { formatOf, LIST_OPTIONS, printContent, printJson, printList } from "../kit/show.ts";
import { splitTarget, type Target } from "../kit/target.ts";
import { flag, parsed, text, type Verb, type VerbInput } from "../kit/verb.ts";

/** What a write depends on, in the HTTP header with the name of the option. */
const CONDITION_OPTIONS = {
  "if-match": text("REV", "only if it has this revision"),
  "if-none-match": text("*", "only if it does not exist yet"),
  "idempotency-key": text(
    "KEY",
    "write once: the same key, within 24 hours, returns the first answer again",
  ),
};

export const kvGetVerb: Verb = {
  name: "kv get",
  summary: "Print the value of a key; a terminal shows only text",
  positionals: "[ADDR] KEY",
  options: { json: flag("print the entry as a line of JSON, as kv watch does") },
  examples: [["xs kv get views/count", "the value; exit 1 without one"]],
  async run(input) {
    const { options } = input;
    const { target, path, key } = keyOf(input);
    await using client = await connect(target.address, { asksNext: true });
    const response = await client.request(path);
    if (!options.has("json")) {
      // A key may look like an address, or like an option.
      return await printContent(response, target, ["kv get", `-- ${shellWord(key)}`]);
    }
    const { headers } = response;
    const rev = JSON.parse(headers.get("etag") ?? '""') as string;
    const type = headers.get("content-type") ?? "";
    const entry = { key, rev, type, writer: headers.get("xs-by"), value: await bytesIn(response) };
    await printJson(`${changeLine(entry)}\n`);
  },
};

export const kvPutVerb: Verb = {
  name: "kv put",
  summary: "Store a value under a key: a word, or what comes on stdin",
  positionals: "[ADDR] KEY [VALUE]",
  options: {
    ...EMPTY_OPTION,
    type: text(
      "TYPE",
      "its media type; default text/plain for text, else application/octet-stream",
    ),
    ...CONDITION_OPTIONS,
  },
  examples: [
    ["xs kv put views/count 3", "prints the entry with its revision"],
    ["xs kv put me --type application/json < me.json", "kv watch prints the value as JSON"],
    ["xs kv put lock 1 --if-none-match '*'", "exit 1 if another has the lock"],
  ],
  async run(input) {
    const { options } = input;
    const { target, path, key } = keyOf(input, parseClientKey, [1, 2]);
    const [, word] = target.rest;
    const headers = conditionHeaders(options);
    const given = options.get("type");
    const type = given === undefined ? undefined : parsed(parseMediaType, given, "--type");
    const body = await readContent(input, word, `the value of ${quoted(key)}`);
    // A value too long to be read at once is rarely text for people, so this does not look inside.
    const usual = body instanceof Uint8Array ? sniffedType(body) : "application/octet-stream";
    headers.set("content-type", type ?? usual);
    await printAnswer(target, path, { method: "PUT", headers, body }, { create: true });
    if (word === undefined) return;
    const { noteBareFolder } = await import("../kit/first-word.ts");
    await noteBareFolder(input);
  },
};

export const kvDeleteVerb: Verb = {
  name: "kv delete",
  summary: "Remove a key and its value",
  positionals: "[ADDR] KEY",
  options: CONDITION_OPTIONS,
  examples: [["xs kv delete views/count", "prints nothing"]],
  async run(input) {
    const { target, path } = keyOf(input, parseClientKey);
    const headers = conditionHeaders(input.options);
    await printAnswer(target, path, { method: "DELETE", headers });
  },
};

export const kvListVerb: Verb = {
  name: "kv list",
  summary: "List keys with their revisions, sizes and types",
  positionals: "[ADDR] [PREFIX]",
  options: LIST_OPTIONS,
  examples: [
    ["xs kv list", "every key"],
    ["xs kv list views/", "the keys that begin with views/"],
  ],
  async run(input) {
    const target = splitTarget(input, [0, 1], "PREFIX", "key");
    const prefix = parsed(parseKeyPrefix, target.rest[0] ?? "");
    await using client = await connect(target.address);
    const response = await client.request(`/kv?${new URLSearchParams({ prefix })}`);
    const load = async () => (await import("../terminal/entries.ts")).EntryTable;
    await printList(formatOf(input.options), response, load);
    const { noteBareFolder } = await import("../kit/first-word.ts");
    await noteBareFolder(input);
  },
};

export const kvWatchVerb: Verb = {
  name: "kv watch",
  summary: "Print a key, or all keys below a prefix that ends with /, and then every change",
  positionals: "[ADDR] KEY",
  options: {
    prefix: flag("take KEY as a prefix, even without a / at its end"),
    ...PULSE_OPTION,
    ...RECONNECT_OPTION,
    ...LIST_OPTIONS,
  },
  examples: [
    ["xs kv watch views/", "every entry below views/, a threshold, then each change"],
    ["xs kv watch ./store cursor", "one key of a store"],
    ["xs kv watch '' --prefix", "every key"],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, 1, "KEY", "key");
    const [key = ""] = target.rest;
    const query = new URLSearchParams({ follow: pulseOf(options) ?? "true" });
    const isPrefix = options.has("prefix") || key.endsWith("/");
    if (isPrefix) query.set("prefix", parsed(parseKeyPrefix, key));
    const path = isPrefix ? "/kv" : pathOf(parsed(parseKey, key));
    const load = async () => (await import("../terminal/entries.ts")).EntryLines;
    await follow({
      address: target.address,
      path: `${path}?${query}`,
      reconnect: reconnectIn(options, true),
      print: (response) => printList(formatOf(options), response, load),
    });
  },
};

function keyOf(
  input: VerbInput,
  parse = parseKey,
  wanted: number | readonly [from: number, to: number] = 1,
): { target: Target; path: string; key: string } {
  const target = splitTarget(input, wanted, "KEY", "key");
  const key = parsed(parse, target.rest[0] ?? "");
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
    const parse = name === "idempotency-key" ? parseIdempotencyKey : parseRevisions;
    headers.set(name, parsed(parse, value, `--${name}`));
  }
  return headers;
}
