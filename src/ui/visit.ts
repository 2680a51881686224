import { quoted, XsError } from "../core/error.ts";

/**
 * Checks where a request comes from, as browsers say it. The Host stops DNS rebinding, where a page makes the browser
 * call this server under another name; the others stop pages of other sites. A navigation may come from anywhere: it is
 * for the page alone, which has no data, and that from the file that opens the browser is one of another site.
 *
 * @param address the one under which the inspector is reached
 * @param isPage the request is for a file of the page
 * @throws XsError `bad_host`, `foreign_origin`
 */
export function checkVisit(request: Request, address: string, isPage: boolean): void {
  const { headers } = request;
  const host = hostOf(request);
  if (host !== authority(address)) {
    throw new XsError(
      "bad_host",
      `the Host ${quoted(host)} is not ${authority(address)}: open http://${authority(address)}/, through  ssh -L  with the same port on both sides`,
    );
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

/**
 * Where the page is for a request that calls this machine `localhost`; undefined for any other. That name may be two
 * addresses, and another user may listen at the other one, with the same port: the page does not stay at it, because
 * what its tab keeps would be theirs as well.
 */
export function plainAddress(request: Request, address: string): string | undefined {
  const host = authority(address).replace(/^.*?(?=(:\d+)?$)/, "localhost");
  return hostOf(request) === host ? `http://${authority(address)}` : undefined;
}

function hostOf({ headers }: Request): string {
  return headers.get("host")?.toLowerCase() ?? "";
}

/** An address as browsers name it: they leave the default port out. */
function authority(address: string): string {
  return address.replace(/:80$/, "");
}
