import { lookup } from "node:dns/promises";
import { XsError } from "../core/error.ts";
import { formatListenAddress, type ListenAddress, type TcpAddress } from "./listen-address.ts";

/**
 * Checks, before a server listens, that its host name resolves: for an unknown host, `listen` fails with
 * an error that depends on the resolver.
 *
 * @throws XsError `cannot_listen`
 */
export async function checkHost(at: TcpAddress): Promise<void> {
  try {
    await lookup(at.hostname);
  } catch (cause) {
    throw listenError(at, { code: "ENOTFOUND", message: "", cause });
  }
}

/** The reasons why listening fails, by the code of the error. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: "that is not allowed",
  EADDRINUSE: "it is taken already",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOENT: "there is no such directory",
  ENOTFOUND: "there is no such host",
};

/** Turns the error of a failed attempt to listen into one for the user. */
export function listenError(at: ListenAddress, error: unknown): XsError {
  const { code = "", message } = error as Error & { code?: string };
  return new XsError(
    code === "EADDRINUSE" ? "address_in_use" : "cannot_listen",
    `cannot listen at ${formatListenAddress(at)}: ${REFUSALS[code] ?? message}; name another place`,
    { cause: error },
  );
}
