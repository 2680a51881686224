import { type ErrorCode, quoted, XsError } from "../core/error.ts";
import { API_HEADER } from "../core/http.ts";

/** The path of a request, and its server: a URL or a socket, as messages name it. */
export interface Asked {
  readonly path: string;
  readonly at: string;
  /** The token came from the address, not from `XS_TOKEN`. */
  readonly inAddress?: boolean;
}

/**
 * Returns a response of the API if it is a success.
 *
 * @param asked absent if the API ran in this process
 * @throws XsError the error in the response; `no_server` if the response does not come from the API of a store
 */
export async function throwIfNotOk(response: Response, asked?: Asked): Promise<Response> {
  const foreign = asked && !response.headers.has(API_HEADER) ? asked : undefined;
  if (response.ok) {
    if (foreign) throw await stranger(foreign.at, response);
    return response;
  }
  const problem = foreign ? undefined : await problemIn(response);
  if (problem?.code === "unauthorized" && asked?.inAddress && !/expired/.test(problem.detail)) {
    throw new XsError(
      "unauthorized",
      "the token in the address is not that of this store: take it from the file `token` of the store that is served there; one that  xs token add  made was removed: ask for a new one",
    );
  }
  if (problem) throw new XsError(problem.code, problem.detail, { members: problem.members });
  if (response.status === 431) {
    throw new XsError("meta_too_large", "the meta does not fit into a header: make it smaller");
  }
  if (asked && response.status === 407) {
    throw new XsError(
      "no_server",
      `no answer from ${asked.at} (${statusOf(response)}): the proxy wants a user and a password: set them, as in http://USER:PASSWORD@PROXY:PORT, or name the host in no_proxy`,
    );
  }
  if (asked && response.headers.has("location")) throw redirected(asked, response);
  if (asked) throw await stranger(asked.at, response);
  throw new XsError("internal", `the answer is ${statusOf(response)}`);
}

/** Our problem document in a response; undefined if it has none. */
async function problemIn(
  response: Response,
): Promise<
  { code: ErrorCode; detail: string; members: Record<string, string | null> } | undefined
> {
  if (typeOf(response) !== "application/problem+json") return undefined;
  const {
    code,
    detail,
    title: _,
    status: __,
    ...more
  } = (await response
    .clone()
    .json()
    .catch(() => ({}))) as Record<string, unknown>;
  if (typeof code !== "string" || typeof detail !== "string") return undefined;
  const isMember = ([, value]: [string, unknown]) => value === null || typeof value === "string";
  const members = Object.fromEntries(Object.entries(more).filter(isMember));
  return { code: code as ErrorCode, detail, members: members as Record<string, string | null> };
}

/** The error for a server that is not xs: it quotes the response and names addresses to try instead. */
async function stranger(at: string, response: Response): Promise<XsError> {
  const type = typeOf(response);
  // The body may never end, so only its beginning is read.
  const start = /^text\/|json/.test(type) ? await firstLine(response) : "";
  await response.body?.cancel().catch(() => {});
  const said = [statusOf(response), type, ...(start === "" ? [] : [quoted(start)])];
  return new XsError(
    "no_server",
    `what answers at ${at} is not the API of a store (${said.filter(Boolean).join(", ")}): name the store's directory, or the address of --expose (that of --http is for visitors)`,
    { cause: response },
  );
}

async function firstLine(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return "";
  const { value } = await reader.read().catch(() => ({ value: undefined }));
  reader.releaseLock();
  const [first = ""] = new TextDecoder()
    .decode(value?.subarray(0, 4096))
    .trimStart()
    .split(/[\r\n]/);
  return first;
}

function redirected({ path, at }: Asked, response: Response): XsError {
  const to = response.headers.get("location") ?? "";
  const [asked = ""] = path.split("?");
  const { origin, pathname } = URL.canParse(to, response.url)
    ? new URL(to, response.url)
    : { origin: "", pathname: "" };
  // If the redirect keeps the path, the part before it is the address of the server.
  const advice = pathname.endsWith(asked)
    ? `: if that is your server, use ${origin}${pathname.slice(0, -asked.length)} as the address`
    : "";
  return new XsError(
    "no_server",
    `${at} sends its clients on to ${to} (${statusOf(response)}), and xs follows no redirect${advice}`,
  );
}

function statusOf({ status, statusText }: Response): string {
  return `${status} ${statusText}`.trimEnd();
}

function typeOf(response: Response): string {
  const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
  return type.trim().toLowerCase();
}
