/** A name, an address of IPv4, or one of IPv6 in brackets, with or without a port (RFC 9110, 7.2). */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::\d*)?$/;

/** Longest name of a host, in bytes, with its port. */
const MAX_HOST = 255 + ":65535".length;

/** The last one that was a host: most requests ask for the same. */
let known = "";

/** Tells whether a text can be the value of a `Host` header. An empty one cannot. */
export function isHost(text: string): boolean {
  if (text === known && text !== "") return true;
  const is = text.length <= MAX_HOST && HOST.test(text) && URL.canParse(`http://${text}/`);
  if (is) known = text;
  return is;
}
