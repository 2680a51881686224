/** What errors of a connection mean for who has to do something about them. */
const MEANINGS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the other side hung up",
  EPIPE: "the other side hung up",
  ENOENT: "there is no such socket any more",
  EACCES: "that is not allowed",
  EPERM: "that is not allowed",
  ETIMEDOUT: "nothing came back in time",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  EPROTO: "it does not speak TLS there: write http:// for https://",
  ERR_INVALID_URL: "that is no URL",
  ERR_PROXY_TUNNEL: "it lets nobody through to that host",
  Malformed_HTTP_Response: "what it says is no HTTP",
  InvalidHTTPResponse: "what it says is no HTTP",
  ZlibError: "what it sends cannot be unpacked",
  UnsupportedProxyProtocol: "xs takes proxies of http:// and https:// alone",
};

/** Why a connection failed, in plain words: Bun's own are for its callers. */
export function connectionReason(error: unknown): string {
  const { code = "", message, syscall } = error as NodeJS.ErrnoException;
  // Each way to resolve a name has codes of its own.
  if (syscall === "getaddrinfo" || message.startsWith("getaddrinfo"))
    return "there is no such host";
  return (
    MEANINGS[code] ??
    message.replace(/(?: fetching ".*")?\.? For more information, pass `verbose.*$/s, "")
  );
}
