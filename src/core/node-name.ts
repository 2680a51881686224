import { quoted, XsError } from "./error.ts";

/** What stands in a subject of NATS as it is. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether a text may be the name of a node. */
export function isNodeName(text: string): boolean {
  return NAME.test(text);
}

/** The name of a node. @throws XsError `bad_option` */
export function parseNodeName(text: string): string {
  if (isNodeName(text)) return text;
  throw new XsError(
    "bad_option",
    `${quoted(text)} is no name of a node, which has letters, digits, "-" and "_", at most 64`,
  );
}
