/** `JSON` of newer browsers keeps numbers as they were written. */
interface ExactJson {
  rawJSON?(text: string): unknown;
  parse(
    text: string,
    revive: (key: string, value: unknown, context?: { source?: string }) => unknown,
  ): unknown;
}

/** JSON with a member a line, so that it can be compared by lines. @param text valid JSON */
export function prettyJson(text: string): string {
  const exact = JSON as unknown as ExactJson;
  const value = exact.parse(text, (_, each, context) =>
    typeof each === "number" && context?.source !== undefined && exact.rawJSON
      ? exact.rawJSON(context.source)
      : each,
  );
  return JSON.stringify(value, undefined, 2);
}
