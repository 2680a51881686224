import { useEffect, useState } from "preact/hooks";
import { type Json, memberText } from "../../../../core/json.ts";
import { ask, isAbort, Problem } from "../../lib/ask.ts";
import { type Frame, idAfter, isOfRuntime } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import type { Processor } from "./processor.ts";
import type { Source } from "./source.ts";

const POLL_MS = 2000;
/** Where the answer takes long: at most this part of the time. */
const SHARE = 10;

/** How far a handler has come, as the runtime keeps it. */
export interface Progress {
  /** The id of the last frame that is done; empty before the first. */
  readonly cursor: string;
  /** As JSON text, in which numbers are as they were written; undefined for a handler without state. */
  readonly state: string | undefined;
}

/** How far a handler has come, asked for again and again; null where it has not begun. */
export function useProgress(name: string): { progress?: Progress | null; error?: unknown } {
  const [asked, setAsked] = useState<{ progress?: Progress | null; error?: unknown }>({});
  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    const path = `/kv/${encodeURIComponent(`stream.cross.handler/${name}`)}`;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let seen: string | null | undefined;
    const load = async () => {
      const started = performance.now();
      try {
        // A state may be large: it is read only when it has changed.
        const { headers } = await ask(path, { method: "HEAD", signal });
        const rev = headers.get("etag");
        if (rev === null || rev !== seen) {
          const text = await (await ask(path, { signal })).text();
          if (!signal.aborted) setAsked({ progress: progressIn(text) });
        }
        seen = rev;
      } catch (error) {
        if (signal.aborted || isAbort(error)) return;
        seen = undefined;
        const isNone = error instanceof Problem && error.status === 404;
        setAsked(isNone ? { progress: null } : (before) => ({ ...before, error }));
      }
      next(Math.max(POLL_MS, (performance.now() - started) * SHARE));
    };
    const next = (ms: number) => {
      clearTimeout(timer);
      if (!signal.aborted) timer = setTimeout(() => (document.hidden ? next(ms) : void load()), ms);
    };
    void load();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [name]);
  return asked;
}

/** What a record says. An import may bring any value. */
function progressIn(text: string): Progress | null {
  try {
    const { cursor } = Object(JSON.parse(text)) as { cursor?: unknown };
    return typeof cursor === "string" ? { cursor, state: memberText(text, "state") } : null;
  } catch {
    return null;
  }
}

/** The newest frames that a handler has done, the newest first: those of its topics up to its cursor. */
export async function framesDone(
  { name }: Pick<Processor, "name">,
  topics: string | undefined,
  cursor: string,
  limit: number,
  signal: AbortSignal,
): Promise<Frame[]> {
  if (cursor === "") return [];
  const own = [`!${name}.out`, `!${name}.error`, `!${name}.stderr`];
  const query = new URLSearchParams({
    topic: [topics ?? "*,!stream.cross.*", ...own].join(","),
    order: "desc",
    limit: `${limit}`,
    "last-id": idAfter(cursor),
  });
  return jsonLines<Frame>(await ask(`/?${query}`, { signal }));
}

/**
 * The topics of a handler: its spawn has them, or its script declares them as a list, or one as text; undefined where
 * neither is found.
 */
export function topicsIn({ meta }: Frame, { module }: Source): string | undefined {
  const { topics } = Object(meta) as { topics?: Json };
  if (typeof topics === "string") return topics;
  if (Array.isArray(topics)) return topics.map(String).join(",");
  const [, declared = ""] =
    /\btopics["']?\s*:\s*(\[[^\]]{0,4000}\]|"[^"\n]{0,255}"|'[^'\n]{0,255}')/.exec(module) ?? [];
  const found = [...declared.matchAll(/"([^"\n]*)"|'([^'\n]*)'/g)].map(([, a, b]) => a ?? b ?? "");
  const isPattern = (text: string) => /^!?[A-Za-z_*][A-Za-z0-9_.*-]*$/.test(text);
  return found.length > 0 && found.every(isPattern) ? found.join(",") : undefined;
}

/** Whether a handler may take a frame: it never gets what its name wrote, nor what the runtime says of it. */
export function mayTake(frame: Frame, { spawn_id }: Processor): boolean {
  const meta = Object(frame.meta) as { spawn_id?: Json; handler_id?: Json };
  if (isOfRuntime(frame)) return meta.spawn_id !== spawn_id;
  return meta.handler_id !== spawn_id;
}
