import { quoted } from "./error.ts";

/**
 * What is wrong with an object that has other keys than the known ones: it names each of them, and the
 * known ones. A misspelt option would do nothing, and nobody would know. Undefined where there is none.
 *
 * @param what the object, for a person: the subject of the sentence
 */
export function unknownKeys(
  value: object,
  known: readonly string[],
  what: string,
): string | undefined {
  let all = true;
  for (const key in value) {
    if (!known.includes(key)) all = false;
  }
  // Asked for every result of a handler, so the usual case makes no list.
  if (all) return undefined;
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  const several = unknown.length > 3 ? ` and ${unknown.length - 3} more` : "";
  const names = unknown.slice(0, 3).map(quoted).join(", ") + several;
  return `${what} knows no ${names}: it knows ${known.join(", ")}`;
}
