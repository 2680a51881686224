/** A name, an address of IPv4, or one of IPv6 in brackets, with or without a port (RFC 9110, 7.2). */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+;=%-]+)(?::\d*)?$/;

/** The longest `Host` header, in bytes: a name of 255 and a port. */
const MAX_HOST = 255 + ":65535".length;

/** The last valid host: most requests send the same one, and this skips the check. */
let known = "";

/** Tells whether a text is a valid value of a `Host` header. The empty text is not. */
export function isHost(text: string): boolean {
  if (text === known && text !== "") return true;
  const is = text.length <= MAX_HOST && HOST.test(text) && URL.canParse(`http://${text}/`);
  if (is) known = text;
  return is;
}
