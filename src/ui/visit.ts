import { quoted, XsError } from "../core/error.ts";

/**
 * Checks where a request comes from, as browsers say it. The Host stops DNS rebinding, where a page makes the browser
 * call this server under another name; the others stop pages of other sites. A navigation may come from anywhere: it is
 * for the page alone, which has no data, and that from the file that opens the browser is one of another site.
 *
 * @param host the one under which the inspector is reached
 * @param isPage the request is for a file of the page
 * @throws XsError `bad_host`, `foreign_origin`
 */
export function checkVisit(request: Request, hosts: ReadonlySet<string>, isPage: boolean): void {
  const { headers } = request;
  const host = headers.get("host")?.toLowerCase() ?? "";
  if (!hosts.has(host)) {
    throw new XsError("bad_host", `the Host ${quoted(host)} is none of ${[...hosts].join(", ")}`);
  }
  const origin = headers.get("origin");
  const site = headers.get("sec-fetch-site");
  const isNavigation = isPage && headers.get("sec-fetch-mode") === "navigate";
  if (isNavigation && headers.get("sec-fetch-dest") === "document") return;
  const isForeign = origin !== null && origin !== `http://${host}`;
  if (!isForeign && (site === null || site === "same-origin" || site === "none")) return;
  throw new XsError(
    "foreign_origin",
    `a page of ${quoted(origin ?? `another site (${site})`)} may not use the inspector`,
  );
}
