/** Error codes of connections, in words for the person who has to act. */
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
  ERR_PROXY_TUNNEL: "it refuses connections to that host",
  Malformed_HTTP_Response: "what it says is no HTTP",
  InvalidHTTPResponse: "what it says is no HTTP",
  ZlibError: "what it sends cannot be unpacked",
  UnsupportedProxyProtocol: "xs supports only proxies of http:// and https://",
};

/** The codes of failed connects to a unix socket. */
const NEVER_CONNECTED = new Set([
  "ENOENT",
  "ENOTDIR",
  "ECONNREFUSED",
  "EACCES",
  "EPERM",
  "EAGAIN",
  "ELOOP",
  "ENAMETOOLONG",
]);

/** Tells whether the request of a client failed because nobody listens on its unix socket, so that nothing was sent. */
export function neverConnected(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: unknown } };
  return NEVER_CONNECTED.has(String(cause?.code));
}

/** Says in plain words why a connection failed: Bun words its messages for programmers. */
export function connectionReason(error: unknown): string {
  const { code = "", message, syscall } = error as NodeJS.ErrnoException;
  // Each resolver has different error codes.
  if (syscall === "getaddrinfo" || message.startsWith("getaddrinfo"))
    return "there is no such host";
  const own = message.replace(/(?: fetching ".*")?\.? For more information, pass `verbose.*$/s, "");
  return MEANINGS[code] ?? own;
}
