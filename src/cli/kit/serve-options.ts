import type { ArgsDef } from "citty";
import { quoted } from "../../core/error.ts";
import { HTTP_TTL } from "../../core/http.ts";
import { parseAskedTtl, type Ttl } from "../../core/ttl.ts";
import {
  type ListenAddress,
  parseListenAddress,
  type TcpAddress,
} from "../../net/listen-address.ts";
import type { ContentPolicy } from "../../store/content-policy.ts";
import { loopback } from "../../ui/loopback.ts";
import { flag, parsed, text, UsageError } from "./verb.ts";

/** The longest timer that the runtime takes, in ms. */
const MAX_MS = 2 ** 31 - 1;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_BODY_MAX = 16 * 1024 ** 2;
const DEFAULT_IN_FLIGHT = 2000;

export const SERVE_OPTIONS = {
  http: text("ADDR", "turn HTTP requests into http.request frames, and answer from http.response"),
  "http-timeout": text(
    "MS",
    `how long an answer may take to begin (default ${DEFAULT_TIMEOUT_MS})`,
  ),
  "http-body-max": text("BYTES", `the largest body of a request (default ${DEFAULT_BODY_MAX})`),
  "http-in-flight": text(
    "N",
    `the most requests in progress at once (default ${DEFAULT_IN_FLIGHT})`,
  ),
  "http-ttl": text("TTL", `how long the store keeps requests (default ${HTTP_TTL})`),
  expose: text("ADDR", "serve the API there too; over TCP clients need the token of the store"),
  ui: text(
    "ADDR",
    "serve the inspector there, as xs ui does, for as long as the server runs; on this machine alone, and it only reads",
  ),
  journal: text(
    "URL",
    "make this directory one of several of a store: nats://HOST,HOST,HOST/NAME (docs/nodes.md)",
  ),
  content: text(
    "all|cache=N",
    "with --journal: hold a copy of all large content (default), or of what was read here, up to N GB",
  ),
  node: text("NAME", "name this node, at its first start (default: after the machine)"),
  "unsafe-journal": flag("start also on a journal that may lose what it acknowledged, for a trial"),
  "script-env": text("NAMES", "pass scripts only these environment variables: NAME,NAME,…"),
  paused: flag(
    "run no generator and no handler, append nothing that is scheduled, apply no rules of keep",
  ),
} satisfies ArgsDef;

/** Where a server listens besides the socket of its store, and the limits of HTTP requests. */
export interface ServeOptions {
  readonly http: ListenAddress | undefined;
  readonly expose: ListenAddress | undefined;
  /** Of the inspector. */
  readonly ui: TcpAddress | undefined;
  /** The journal of a store on several machines, and the name of this node, if one is asked for. */
  readonly journal: string | undefined;
  readonly node: string | undefined;
  /** How much of the large content it holds. */
  readonly content: ContentPolicy | undefined;
  readonly unsafeJournal: boolean;
  /** The environment variables that scripts get; all but the token where it is undefined. */
  readonly scriptEnv: readonly string[] | undefined;
  /** Generators and handlers wait for the next start. */
  readonly paused: boolean;
  readonly limits: {
    /** In ms. */
    readonly timeout: number;
    /** In bytes. */
    readonly bodyMax: number;
    readonly inFlight: number;
    readonly ttl: Ttl;
  };
}

/** Reads the options of `xs serve`. @throws UsageError */
export function readServeOptions(options: ReadonlyMap<string, string>): ServeOptions {
  const address = (name: "http" | "expose") => {
    const given = options.get(name);
    return given === undefined ? undefined : parsed(parseListenAddress, given, `--${name}`);
  };
  const [alone] = [...options.keys()].filter((name) => name.startsWith("http-"));
  for (const name of ["node", "content", "unsafe-journal"]) {
    if (options.has(name) && !options.has("journal"))
      throw new UsageError(`--${name} needs --journal`);
  }
  if (alone && !options.has("http")) throw new UsageError(`--${alone} needs --http`);
  return {
    http: address("http"),
    expose: address("expose"),
    ui: inspectorAt(options.get("ui")),
    journal: options.get("journal"),
    node: options.get("node"),
    content: contentPolicy(options.get("content")),
    unsafeJournal: options.has("unsafe-journal"),
    scriptEnv: scriptEnv(options.get("script-env")),
    paused: options.has("paused"),
    limits: {
      timeout: count(options, "http-timeout", DEFAULT_TIMEOUT_MS, MAX_MS),
      bodyMax: count(options, "http-body-max", DEFAULT_BODY_MAX),
      inFlight: count(options, "http-in-flight", DEFAULT_IN_FLIGHT),
      ttl: parsed(parseAskedTtl, options.get("http-ttl") ?? HTTP_TTL, "local"),
    },
  };
}

/** The bytes of the units in which a cache is given. */
const UNITS: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, TB: 1e12 };

function contentPolicy(given: string | undefined): ContentPolicy | undefined {
  if (given === undefined || given === "all") return given;
  const [, number = "", unit = "GB"] =
    /^cache=([0-9]+(?:\.[0-9]+)?) ?(MB|GB|TB)?$/i.exec(given) ?? [];
  const cacheBytes = Math.round(Number(number) * (UNITS[unit.toUpperCase()] ?? 0));
  if (number !== "" && cacheBytes > 0) return { cacheBytes };
  throw new UsageError(
    `--content ${quoted(given)}: it is all, or cache=N with N in GB, as in cache=20 or cache=500MB`,
  );
}

function inspectorAt(given: string | undefined): TcpAddress | undefined {
  if (given === undefined) return undefined;
  return parsed(() => loopback(parseListenAddress(given, "--ui")));
}

function scriptEnv(given: string | undefined): readonly string[] | undefined {
  const names = given?.split(",").flatMap((name) => name.trim() || []);
  for (const name of names ?? []) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new UsageError(
        `--script-env takes names of variables, as in HOME,LANG: ${quoted(name)} is not one`,
      );
    if (name === "XS_TOKEN")
      throw new UsageError("--script-env XS_TOKEN: a server never passes its token to scripts");
  }
  return names;
}

function count(
  options: ReadonlyMap<string, string>,
  name: string,
  fallback: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  const given = options.get(name);
  if (given === undefined) return fallback;
  const value = /^[0-9]+$/.test(given) ? Number(given) : 0;
  if (value >= 1 && value <= max) return value;
  throw new UsageError(`--${name} ${quoted(given)} is not a whole number from 1 to ${max}`);
}
