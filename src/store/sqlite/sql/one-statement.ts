import { quoted, XsError } from "../../../core/error.ts";

/** A string, a quoted name, a comment, space, or one other character. One that is not closed extends to the end. */
const TOKENS =
  /'(?:[^']|'')*'?|"(?:[^"]|"")*"?|`(?:[^`]|``)*`?|\[[^\]]*\]?|(?<blank>--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\s+)|[\s\S]/gu;

const QUERIES = new Set(["SELECT", "WITH", "VALUES"]);

/**
 * Cuts off what ends a query: semicolons, space and comments. What it returns begins as one: a PRAGMA may have done its
 * work by the time it is parsed.
 *
 * @throws XsError `bad_option` where it begins otherwise, or a second statement follows
 */
export function oneStatement(sql: string): string {
  let start: number | undefined;
  let end = 0;
  let hasEnded = false;
  for (const { 0: token, index, groups } of sql.matchAll(TOKENS)) {
    if (groups?.blank !== undefined) continue;
    if (token === ";") {
      hasEnded ||= start !== undefined;
      continue;
    }
    if (hasEnded) throw noQuery("a second statement follows the first one");
    start ??= index;
    end = index + token.length;
  }
  if (start === undefined) throw noQuery("there is no query");
  const query = sql.slice(start, end);
  const [word = ""] = /^[a-z_]*/i.exec(query) ?? [];
  if (!QUERIES.has(word.toUpperCase())) throw noQuery(`${quoted(query)} is no query`);
  return query;
}

/** The refusal of what is not one query. */
export function noQuery(problem: string): XsError {
  return new XsError(
    "bad_option",
    `${problem}: xs sql runs one SELECT, WITH or VALUES, and changes nothing;  xs sql  alone shows what there is to ask`,
  );
}
