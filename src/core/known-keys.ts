import { quoted } from "./error.ts";

/**
 * The error message for an object with unknown keys: it lists them and the known ones. Undefined if all
 * keys are known. A misspelt option would otherwise be ignored in silence.
 *
 * @param what names the object in the message, as the subject of its sentence
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
  // This runs for every result of a handler, so the usual case makes no list.
  if (all) return undefined;
  const unknown = Object.keys(value).filter((key) => !known.includes(key));
  const several = unknown.length > 3 ? ` and ${unknown.length - 3} more` : "";
  const names = unknown.slice(0, 3).map(quoted).join(", ") + several;
  return `${what} knows no ${names}: it knows ${known.join(", ")}`;
}
