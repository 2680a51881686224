import { XsError } from "../core/error.ts";

/** An entity tag: what it says, without quotes, and whether it is a weak one. */
interface Tag {
  readonly text: string;
  readonly weak: boolean;
}

/**
 * What the conditions of a reading request (RFC 9110, 13.2.2) make of its answer.
 *
 * @param etag what is there, without quotes
 * @returns true where the client has this already: 304
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
 * Tells whether a range is wanted of this: without `If-Range` always; with it only of what the client has
 * a part of (RFC 9110, 13.1.5). We send no dates, so one of those never fits.
 */
export function isRangeFor(request: Request, etag: string): boolean {
  const header = request.headers.get("if-range");
  if (header === null) return true;
  const [tag, ...more] = tagsOf(header);
  return tag !== undefined && more.length === 0 && matches([tag], etag, "strong");
}

/** The tags of a condition on a write; a weak one never fits `If-Match`. The quotes may be left out. */
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

/** A list of entity tags (RFC 9110, 8.8.3). Between quotes a comma is a part of the tag. */
function tagsOf(list: string): Tag[] {
  return [...list.matchAll(/(W\/)?(?:"([^"]*)"|([^\s,"]+))/g)].map(
    ([, weak, quoted, bare = ""]) => ({ text: quoted ?? bare, weak: weak !== undefined }),
  );
}

function matches(tags: readonly Tag[] | "*", etag: string, comparison: "strong" | "weak"): boolean {
  if (tags === "*") return true;
  return tags.some(({ text, weak }) => text === etag && !(weak && comparison === "strong"));
}
