import { XsError } from "../core/error.ts";

/** An entity tag: its text without quotes, and whether it is weak. */
interface Tag {
  readonly text: string;
  readonly weak: boolean;
}

/**
 * Evaluates the conditions of a reading request (RFC 9110, 13.2.2).
 *
 * @param etag the present entity tag, without quotes
 * @returns true if the client has this version already, so the status is 304
 * @throws XsError `precondition_failed`, with `actual`
 */
export function isKnown(request: Request, etag: string): boolean {
  const match = tagsIn(request, "if-match");
  if (match && !matches(match, etag, "strong")) {
    throw new XsError("precondition_failed", `this is ${etag} now, which If-Match does not name`, {
      members: { actual: etag },
    });
  }
  const known = tagsIn(request, "if-none-match");
  return known !== undefined && matches(known, etag, "weak");
}

/**
 * Tells whether the `Range` of a request applies: always without `If-Range`; with it, only if the client
 * has a part of this version (RFC 9110, 13.1.5). We send no dates, so a date never matches.
 */
export function isRangeFor(request: Request, etag: string): boolean {
  const header = request.headers.get("if-range");
  if (header === null) return true;
  const [tag, ...more] = tagsOf(header);
  return tag !== undefined && more.length === 0 && matches([tag], etag, "strong");
}

/** The tags of a condition on a write; a weak tag never matches `If-Match`. Quotes are optional. */
export function revisionsIn(
  request: Request,
  name: "if-match" | "if-none-match",
): readonly string[] | "*" | undefined {
  const tags = tagsIn(request, name);
  if (tags === undefined || tags === "*") return tags;
  return tags.filter(({ weak }) => !weak || name === "if-none-match").map(({ text }) => text);
}

function tagsIn(request: Request, name: string): readonly Tag[] | "*" | undefined {
  const header = request.headers.get(name)?.trim();
  return header === undefined || header === "*" ? header : tagsOf(header);
}

/** Parses a list of entity tags (RFC 9110, 8.8.3). A comma between quotes belongs to the tag. */
function tagsOf(list: string): Tag[] {
  return [...list.matchAll(/(W\/)?(?:"([^"]*)"|([^\s,"]+))/g)].map(
    ([, weak, quoted, bare = ""]) => ({ text: quoted ?? bare, weak: weak !== undefined }),
  );
}

function matches(tags: readonly Tag[] | "*", etag: string, comparison: "strong" | "weak"): boolean {
  if (tags === "*") return true;
  return tags.some(({ text, weak }) => text === etag && !(weak && comparison === "strong"));
}
