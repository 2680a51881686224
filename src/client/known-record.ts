import { XsError } from "../core/error.ts";
import { fs } from "../lib/builtins.ts";
import type { Ask } from "../net/http-client.ts";
import { PRIVATE_FILE } from "../store/modes.ts";

/** The newest record that this process has heard of, by address. */
const heard = new Map<string, number>();

/**
 * Makes an ask that sees what was written before it, whichever node of the store answers: it waits for the newest record
 * that an earlier response named, to this process or, with `XS_SESSION=FILE`, to another one.
 *
 * @throws XsError `bad_option` where that file holds something else
 */
export function seeingOwnWrites(ask: Ask, address: string): Ask {
  const file = process.env.XS_SESSION || undefined;
  return async (path, init) => {
    const record = Math.max(heard.get(address) ?? 0, file === undefined ? 0 : recordIn(file));
    const response = await ask(path, record > 0 ? waitingFor(record, init) : init);
    const named = Number(response.headers.get("xs-record") ?? 0);
    if (named <= record) return response;
    heard.set(address, named);
    if (file !== undefined) keepRecord(file, named);
    return response;
  };
}

/** Whether an address has named a record: it is a node of a store on several machines. */
export function hasNamedRecord(address: string): boolean {
  return heard.has(address);
}

function waitingFor(record: number, init: RequestInit | undefined): RequestInit {
  const headers = new Headers(init?.headers);
  headers.set("xs-reached", String(record));
  return { ...init, headers };
}

function recordIn(file: string): number {
  let text: string;
  try {
    text = fs().readFileSync(file, "utf8").trim();
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return 0;
    throw new XsError("bad_option", `XS_SESSION names ${file}, which cannot be read`, {
      cause: error,
    });
  }
  if (/^[0-9]{0,15}$/.test(text)) return Number(text);
  throw new XsError(
    "bad_option",
    `XS_SESSION names ${file}, which holds something else than the number of a record: name a new file`,
  );
}

/** Another command that runs at the same time sees the old number or the new one. */
function keepRecord(file: string, record: number): void {
  if (recordIn(file) >= record) return;
  const next = `${file}.${process.pid}`;
  try {
    fs().writeFileSync(next, `${record}\n`, { mode: PRIVATE_FILE });
    fs().renameSync(next, file);
  } catch (error) {
    throw new XsError(
      "bad_option",
      `XS_SESSION names ${file}, which cannot be written: name another file (what this command asked for is done)`,
      { cause: error },
    );
  }
}
