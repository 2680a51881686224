import { isOwnPlace, withoutOwnFiles } from "../../lib/own-places.ts";

interface Explained extends Error {
  readonly position?: { readonly line: number; readonly column: number } | null;
}

/** The longest explanation, in UTF-16 units. */
const MAX_EXPLANATION_LENGTH = 16 * 1024;

/** Describes any thrown value, with its place in the script if that is known. It never throws. */
export function explain(error: unknown): string {
  try {
    const text = withoutOwnFiles(explained(error));
    return text.length > MAX_EXPLANATION_LENGTH
      ? `${text.slice(0, MAX_EXPLANATION_LENGTH)}…`
      : text;
  } catch {
    // The value has a getter that throws, or is a proxy.
    return `it threw ${typeof error === "function" ? "a function" : "something"} that cannot be shown`;
  }
}

function explained(error: unknown): string {
  if (typeof error === "string" && error.trim() !== "") return error;
  if (typeof error !== "object" || error === null) return thrown(String(error) || "an empty text");
  // A script that does not parse has several errors, and the first one says the most.
  if (error instanceof AggregateError && error.errors.length > 0) return explained(error.errors[0]);
  const { message, stack, position, name } = error as Explained;
  if (typeof message !== "string") return thrown(asJson(error));
  if (position) return `${message} (line ${position.line}, column ${position.column})`;
  const text = message || (typeof name === "string" && name) || "an error without a message";
  const place = placeIn(typeof stack === "string" ? stack : "");
  return place === undefined ? text : `${text} (${place})`;
}

function thrown(what: string): string {
  return `it threw ${what}: throw an Error, which says why`;
}

function asJson(value: object): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

/**
 * The innermost place in a stack trace that lies in a script, not in this program. If it lies in a package of the script,
 * the place in the script's own files follows that called it.
 */
function placeIn(stack: string): string | undefined {
  let inPackage: string | undefined;
  for (const line of stack.split("\n")) {
    if (isOwnPlace(line)) continue;
    const path = /(\/.*\.[cm]?[jt]sx?:\d+:\d+)/.exec(line)?.[1];
    if (path === undefined) continue;
    const place = shownPlace(path);
    if (!place.startsWith("node_modules/"))
      return inPackage === undefined ? place : `${inPackage}, called at ${place}`;
    inPackage ??= place;
  }
  return inPackage;
}

/** Below the folder of the script the whole path, which a bundle has from its sources; of another file its name. */
function shownPlace(path: string): string {
  const folder = process.env.XS_SCRIPTS;
  if (folder !== undefined) {
    const below = `/${folder.slice(folder.lastIndexOf("/") + 1)}/`;
    const at = path.lastIndexOf(below);
    if (at >= 0) return path.slice(at + below.length);
  }
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Ends the process of a script with an error, which its stderr explains. */
export function fail(error: unknown): never {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
}

/** The line of the protocol for an error of the script on a frame. */
export function errorLine(frameId: string, error: unknown): string {
  return JSON.stringify({ error: explain(error), frame_id: frameId });
}
