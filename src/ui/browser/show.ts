import { tmpdir } from "node:os";
import { aborted } from "../../lib/aborted.ts";
import type { PageLink } from "../inspector.ts";
import { findOpener, type Opener, openWith, PLACES } from "./opener.ts";
import { PageFile } from "./page-file.ts";
import { type Sandbox, sandboxOf } from "./sandbox.ts";

/** How long a browser may take to open the page before the person hears of it, in ms. */
const PATIENCE_MS = 10_000;
/** How long the file is there for a browser that takes longer, in ms. */
const FILE_MS = 2 * 60_000;

/** What opening the browser needs. */
export interface Showing {
  /** The address of the page, without a key. */
  readonly page: string;
  /** Makes a link. */
  link(): PageLink;
  /** Hears why no browser opened the page, and what to do: open this link. */
  failed(why: string): void;
  /** Ends it: the file goes. */
  readonly signal: AbortSignal;
}

/** Opens the page in the browser of the user. Returns once the file that leads there is gone. */
export async function showPage(showing: Showing): Promise<void> {
  const opener = findOpener();
  if (!opener) {
    showing.failed(`no browser is found here (${PLACES})`);
    return;
  }
  const sandbox = await sandboxOf(opener);
  if (sandbox && sandbox.folder === undefined) {
    await showBare(showing, opener, sandbox);
    return;
  }
  const { url, used } = showing.link();
  let file: PageFile;
  try {
    file = new PageFile(sandbox?.folder ?? tmpdir(), url);
  } catch (error) {
    showing.failed(
      `the file that leads the browser there cannot be made (${(error as Error).message})`,
    );
    return;
  }
  using _file = file;
  const { signal, failed } = showing;
  const ended = openWith(opener, file.path);
  const isUsed = used.then(() => "used" as const);
  const isStopped = aborted(signal).then(() => "stopped" as const);
  // A browser may stay with its opener, or leave it at once: only a failure says something.
  const why = await Promise.race([
    isUsed,
    isStopped,
    ended.then((why) => why ?? new Promise<never>(() => {})),
    Bun.sleep(PATIENCE_MS).then(() => "no browser has opened the page so far"),
  ]);
  if (why === "used" || why === "stopped") return;
  failed(why);
  await Promise.race([isUsed, isStopped, Bun.sleep(FILE_MS)]);
}

/** Opens the page without a key, which then asks for one: the browser reads no file of ours, and others read a command line. */
async function showBare({ page, failed }: Showing, opener: Opener, { kind }: Sandbox) {
  const why = await openWith(opener, page);
  failed(why ?? `the browser is a ${kind}, and reads no file here; its page asks for a link`);
}
