import type { ArgsDef } from "citty";
import { quoted } from "../../core/error.ts";
import { HTTP_TTL } from "../../core/http.ts";
import { parseAskedTtl, type Ttl } from "../../core/ttl.ts";
import { type ListenAddress, parseListenAddress } from "../../net/listen-address.ts";
import { parsed, UsageError } from "./verb.ts";

/** The longest timer there is, in ms. */
const MAX_MS = 2 ** 31 - 1;
const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_BODY_MAX = 16 * 1024 ** 2;
const DEFAULT_IN_FLIGHT = 2000;

const text = (valueHint: string, description: string) =>
  ({ type: "string", valueHint, description }) as const;

export const SERVE_OPTIONS = {
  http: text("ADDR", "turn HTTP requests into http.request frames, and answer from http.response"),
  "http-timeout": text("MS", `how long an answer may take to begin (${DEFAULT_TIMEOUT_MS})`),
  "http-body-max": text("BYTES", `the largest body of a request (${DEFAULT_BODY_MAX})`),
  "http-in-flight": text("N", `requests under way at once (${DEFAULT_IN_FLIGHT})`),
  "http-ttl": text("TTL", `how long requests are kept (${HTTP_TTL})`),
  expose: text("ADDR", "answer the API there too; over TCP it takes the token of the store"),
  "script-env": text("NAMES", "the variables that scripts have of the environment: NAME,NAME,…"),
  paused: { type: "boolean", description: "run no generator and no handler" },
} as const satisfies ArgsDef;

/** Where a server listens besides its own socket, and what it lets requests do there. */
export interface ServeOptions {
  readonly http?: ListenAddress;
  readonly expose?: ListenAddress;
  /** The variables that scripts have of the environment; all but the token without it. */
  readonly scriptEnv?: readonly string[];
  /** Generators and handlers wait for the next start. */
  readonly paused: boolean;
  readonly limits: {
    readonly timeout: number;
    readonly bodyMax: number;
    readonly inFlight: number;
    readonly ttl: Ttl;
  };
}

/** @throws UsageError */
export function readServeOptions(options: ReadonlyMap<string, string>): ServeOptions {
  const address = (name: "http" | "expose") => {
    const given = options.get(name);
    return given === undefined
      ? {}
      : { [name]: parsed(() => parseListenAddress(given, `--${name}`)) };
  };
  const [alone] = [...options.keys()].filter((name) => name.startsWith("http-"));
  if (alone && !options.has("http")) throw new UsageError(`--${alone} needs --http`);
  return {
    ...address("http"),
    ...address("expose"),
    ...scriptEnv(options.get("script-env")),
    paused: options.has("paused"),
    limits: {
      timeout: count(options, "http-timeout", DEFAULT_TIMEOUT_MS, MAX_MS),
      bodyMax: count(options, "http-body-max", DEFAULT_BODY_MAX),
      inFlight: count(options, "http-in-flight", DEFAULT_IN_FLIGHT),
      ttl: parsed(() => parseAskedTtl(options.get("http-ttl") ?? HTTP_TTL, "local")),
    },
  };
}

function scriptEnv(given: string | undefined): { scriptEnv?: readonly string[] } {
  if (given === undefined) return {};
  const names = given
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  for (const name of names) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw new UsageError(
        `--script-env takes names of variables, as in HOME,LANG: ${quoted(name)}`,
      );
    if (name === "XS_TOKEN")
      throw new UsageError("--script-env XS_TOKEN: no script of a server has the token");
  }
  return { scriptEnv: names };
}

function count(
  options: ReadonlyMap<string, string>,
  name: string,
  otherwise: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  const given = options.get(name);
  if (given === undefined) return otherwise;
  const value = /^[0-9]+$/.test(given) ? Number(given) : 0;
  if (value >= 1 && value <= most) return value;
  throw new UsageError(`--${name} ${quoted(given)} is not a whole number from 1 to ${most}`);
}
