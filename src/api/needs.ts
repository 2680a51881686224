import type { Access } from "../core/access.ts";

/**
 * What a request needs of a token that is not the owner's.
 *
 * - `any token`: nothing more.
 * - `read`: it reads some topics; the answer has those frames alone, see {@link restricted}.
 * - `append`: it appends to the topic in the path. `append some`: to the topics in the body.
 * - `key`: it uses the key in the path. `keys`: it uses some keys.
 * - `read all`: there is no frame that it does not read, because what is asked for names no frame. `store`: it
 *   appends as well.
 * - `processors`: it may start some, so that it may see what there is.
 * - `owner`: no such token will do.
 */
export type Need =
  | "any token"
  | "read"
  | "append"
  | "append some"
  | "key"
  | "keys"
  | "read all"
  | "store"
  | "processors"
  | "owner";

/**
 * Refuses a request that its token is not for.
 *
 * @param name the topic or the key in the path
 * @param what names the request in a message, as in `GET /ps`
 * @throws XsError `forbidden`
 */
export function checkNeed(need: Need, access: Access, name: string, what: string): void {
  CHECKS[need](access, name, what);
}

const CHECKS: Readonly<Record<Need, (access: Access, name: string, what: string) => void>> = {
  "any token": () => {},
  read: (access) => access.checkReads(),
  append: (access, topic) => access.checkAppend(topic),
  "append some": (access) => access.checkAppends(),
  key: (access, key) => access.checkKey(key),
  keys: (access) => access.checkKeys(),
  "read all": (access, _, what) => checkReadsAll(access, what),
  store(access, _, what) {
    access.checkAppends();
    checkReadsAll(access, what);
  },
  processors(access, _, what) {
    if (access.startsCode) return;
    throw access.refusal(
      `is not for ${what}, which takes one that may start code, made with --append 'stream.cross.*' --all, or that of the owner`,
    );
  },
  owner(access, _, what) {
    throw access.refusal(
      `is not for ${what}, which takes the token of the owner: the one in the file \`token\` of the store`,
    );
  },
};

function checkReadsAll(access: Access, what: string): void {
  if (access.readsEverything) return;
  throw access.refusal(
    `is not for ${what}: a hash may name content of any frame, so that needs a token made with --read '*' --all; the content of a frame is at /ID/content, and an append takes content as its body`,
  );
}
