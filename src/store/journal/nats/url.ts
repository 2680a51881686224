import { XsError } from "../../../core/error.ts";

/** Where a journal on NATS is, and how it is reached. */
export interface NatsAddress {
  /** HOST:PORT of each server. */
  readonly servers: readonly string[];
  /** Of the store: one NATS may carry the journals of several. */
  readonly name: string;
  /** The URLs of the monitoring ports of the servers that hold it. */
  readonly monitors: readonly string[];
  /** The JetStream domain, where the servers are a leaf of those that hold it. */
  readonly domain?: string;
  readonly tls: boolean;
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** A file with a user's JWT and its seed, as `nsc` makes it. */
  readonly creds?: string;
  /** Files in PEM: who signed the servers' certificates; our own certificate and its key. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const PORT = 4222;
const MONITOR_PORT = 8222;
const FORM = /^(nats|tls):\/\/(?:([^@/?#]*)@)?([^/?#@]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
/** What stands in the name of a stream and in a subject as it is. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const HOST = /^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/;
const FILES = ["creds", "ca", "cert", "key"] as const;
const EXAMPLE = "nats://HOST,HOST,HOST/NAME";

/**
 * Reads `nats://[USER:PASSWORD@|TOKEN@]HOST[:PORT],.../NAME?monitor=PORT,...&domain=NAME&tls&creds=FILE&ca=FILE&cert=FILE&key=FILE`,
 * or the same with `tls://`.
 *
 * @throws XsError `bad_option`; its message has no password
 */
export function parseNatsUrl(url: string): NatsAddress {
  const [, scheme = "", credentials, hosts = "", path = "", query = ""] = FORM.exec(url) ?? [];
  if (scheme === "") throw bad(`it has to be ${EXAMPLE}, as in nats://10.0.0.1,10.0.0.2/notes`);
  const servers = hosts.split(",").map(serverOf);
  const name = decoded(path, "the name of the store");
  if (name === "") throw bad(`the name of the store is missing: ${EXAMPLE}`);
  if (!NAME.test(name)) {
    throw bad(
      `the name of the store has only letters, digits, "-" and "_", at most 64: ${EXAMPLE}`,
    );
  }
  const options = optionsIn(query);
  return {
    servers,
    name,
    monitors: monitorsOf(options.get("monitor"), servers),
    tls: scheme.toLowerCase() === "tls" || options.has("tls") || options.has("ca"),
    ...domainOf(options.get("domain")),
    ...loginOf(credentials),
    ...filesOf(options),
  };
}

function serverOf(text: string): string {
  const [, host = "", port = String(PORT)] = HOST.exec(text.trim()) ?? [];
  if (host === "" || !isPort(port)) {
    throw bad(`${JSON.stringify(text)} is no HOST or HOST:PORT: separate hosts by a comma`);
  }
  return `${host}:${Number(port)}`;
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;
}

function loginOf(text: string | undefined): Pick<NatsAddress, "user" | "password" | "token"> {
  if (text === undefined || text === "") return {};
  const colon = text.indexOf(":");
  if (colon < 0) return { token: decoded(text, "the token") };
  return {
    user: decoded(text.slice(0, colon), "the user"),
    password: decoded(text.slice(colon + 1), "the password"),
  };
}

function optionsIn(query: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const part of query.split("&").filter((text) => text !== "")) {
    const equals = part.indexOf("=");
    const key = equals < 0 ? part : part.slice(0, equals);
    const value = equals < 0 ? "" : decoded(part.slice(equals + 1), key);
    if (!["monitor", "domain", "tls", ...FILES].includes(key)) {
      throw bad(
        `there is no option ${JSON.stringify(key)}: there are monitor=PORT, domain=NAME, tls, creds=FILE, ca=FILE, cert=FILE and key=FILE`,
      );
    }
    if (options.has(key)) throw bad(`${key} stands there twice`);
    if (key === "tls" && !["", "true"].includes(value)) throw bad("tls takes no value");
    if (key !== "tls" && value === "") throw bad(`${key} lacks its value, as in ${key}=…`);
    options.set(key, value);
  }
  if (options.has("cert") !== options.has("key")) {
    throw bad("a certificate of one's own needs both cert=FILE and key=FILE");
  }
  return options;
}

function monitorsOf(text: string | undefined, servers: readonly string[]): string[] {
  const given = (text ?? String(MONITOR_PORT)).split(",").map((entry) => entry.trim());
  // Behind a leaf, the servers that hold the journal are others than those that are connected to.
  if (given.every((entry) => entry.includes(":"))) return given.map(monitorOf);
  if (given.length !== 1 && given.length !== servers.length) {
    throw bad(
      `monitor names ${given.length} ports for ${servers.length} servers: one port for all, or one for each`,
    );
  }
  return servers.map((server, i) => {
    const entry = given[given.length === 1 ? 0 : i] ?? "";
    if (isPort(entry)) return `http://${server.slice(0, server.lastIndexOf(":"))}:${entry}`;
    return monitorOf(entry);
  });
}

function monitorOf(entry: string): string {
  const [, host, port] = HOST.exec(entry) ?? [];
  if (host && port && isPort(port)) return `http://${host}:${port}`;
  throw bad(
    `monitor takes ports, as in monitor=8222,8223, or HOST:PORT, not ${JSON.stringify(entry)}`,
  );
}

function domainOf(name: string | undefined): Pick<NatsAddress, "domain"> {
  if (name === undefined) return {};
  if (!NAME.test(name)) throw bad(`${JSON.stringify(name)} is no name of a JetStream domain`);
  return { domain: name };
}

function filesOf(options: ReadonlyMap<string, string>): Pick<NatsAddress, (typeof FILES)[number]> {
  const named = FILES.map((name) => [name, options.get(name)] as const);
  return Object.fromEntries(named.filter(([, path]) => path !== undefined));
}

function decoded(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw bad(`${what} has a bad % escape: write a % itself as %25`);
  }
}

function bad(why: string): XsError {
  return new XsError("bad_option", `the address of the journal: ${why}`);
}
