import { quoted, XsError } from "../core/error.ts";

/** Checks that a query has only these options, each once. @throws XsError `bad_option` */
export function onlyOptions(url: URL, known: readonly string[]): URLSearchParams {
  for (const name of url.searchParams.keys()) {
    if (url.searchParams.getAll(name).length > 1) {
      throw new XsError("bad_option", `the option ${quoted(name)} is given twice`);
    }
    if (known.includes(name)) continue;
    const there = known.length > 0 ? `there is ${known.join(", ")}` : "there is none";
    throw new XsError("bad_option", `no option ${quoted(name)} here: ${there}`);
  }
  return url.searchParams;
}

/** A query option that is on with an empty value, `true` or `yes`. */
export function isOn(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === "false" || value === "no") return false;
  if (value === "" || value === "true" || value === "yes") return true;
  throw new XsError("bad_option", `${name}=${quoted(value)} is neither true nor false`);
}
