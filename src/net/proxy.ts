import { os } from "../lib/builtins.ts";

// Taken at once, as in http-client.ts.
const { fetch } = globalThis;

/** A proxy from the environment. */
export interface HttpProxy {
  readonly url: string;
  /** The environment variable that names it. */
  readonly variable: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds the proxy for a URL in the environment: `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`,
 * also in capitals. A request to this machine never uses a proxy: it carries a token, and the loopback
 * of a proxy elsewhere is another machine.
 */
export async function proxyFor(url: URL, env: Environment): Promise<HttpProxy | undefined> {
  const named = namedProxy(url.protocol, env);
  if (named === undefined || isLoopback(url.hostname)) return undefined;
  const exceptions = `${env.no_proxy ?? ""},${env.NO_PROXY ?? ""}`.split(",");
  for (const exception of exceptions) {
    if (await isExcepted(url, exception.trim().toLowerCase())) return undefined;
  }
  return named;
}

/** Names a proxy in a message, without its user and password. */
export function shownProxy({ url, variable }: HttpProxy): string {
  return `the proxy ${url.replace(/\/\/[^/]*@/, "//")} (${variable})`;
}

/**
 * Sends a request through this proxy, or through none. Bun reads the environment during the call of
 * `fetch`, and no option of `fetch` turns the proxy off, so the variables change for that moment.
 */
export function fetchThrough(
  proxy: HttpProxy | undefined,
  url: string,
  init: RequestInit,
): Promise<Response> {
  const before = [process.env.no_proxy, process.env.NO_PROXY] as const;
  const set = (lower: string | undefined, upper: string | undefined) => {
    for (const [name, value] of [
      ["no_proxy", lower],
      ["NO_PROXY", upper],
    ] as const) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
  const all = proxy ? "" : "*";
  set(all, all);
  try {
    return fetch(url, { ...init, ...(proxy && { proxy: proxy.url }) });
  } finally {
    set(...before);
  }
}

/** Tells whether the environment names a proxy: it rarely does, and this check is cheap. */
export function hasProxy(env: Environment): boolean {
  return ["http:", "https:"].some((protocol) => namedProxy(protocol, env) !== undefined);
}

function namedProxy(protocol: string, env: Environment): HttpProxy | undefined {
  const own = protocol === "https:" ? "https_proxy" : "http_proxy";
  for (const variable of [own, own.toUpperCase(), "all_proxy", "ALL_PROXY"]) {
    const value = env[variable]?.trim();
    if (value) return { url: /^[a-z0-9]+:\/\//i.test(value) ? value : `http://${value}`, variable };
  }
  return undefined;
}

/** @param host from a URL: in lower case, an IPv6 address in brackets */
function isLoopback(host: string): boolean {
  const name = host.replace(/\.$/, "");
  return (
    /^(.*\.)?localhost$/.test(name) ||
    /^(127\.\d+\.\d+\.\d+|0\.0\.0\.0)$/.test(name) ||
    /^\[(::1?|::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4})\]$/.test(name) ||
    name === os().hostname().toLowerCase()
  );
}

async function isExcepted({ hostname: name, port, protocol }: URL, exception: string) {
  if (exception === "") return false;
  if (exception === "*") return true;
  const host = name.replace(/^\[|\]$/g, "");
  const [, network, bits] = /^\[?([0-9a-f.:]+)\]?\/(\d+)$/.exec(exception) ?? [];
  if (network !== undefined) return isWithin(host, network, Number(bits));
  const [, given = "", only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(
    // An IPv6 address without brackets has no port.
    /^[^[].*:.*:/.test(exception) ? `[${exception}]` : exception,
  ) ?? [undefined, ""];
  if (only !== undefined && only !== (port || (protocol === "https:" ? "443" : "80"))) return false;
  const domain = given.replace(/^\*?\./, "");
  return host === domain || host.endsWith(`.${domain}`);
}

async function isWithin(host: string, network: string, bits: number): Promise<boolean> {
  const { BlockList, isIP } = await import("node:net");
  const family = isIP(host);
  if (family === 0 || family !== isIP(network) || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, family === 4 ? "ipv4" : "ipv6");
  return list.check(host, family === 4 ? "ipv4" : "ipv6");
}
