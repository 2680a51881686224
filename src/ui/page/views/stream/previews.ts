import { signal } from "@preact/signals";
import { bound } from "../../../../lib/bound.ts";
import { ask, isAbort, Problem, sizeOfWhole } from "../../lib/ask.ts";
import type { Frame } from "../../lib/frame.ts";
import { mediaType, textIn } from "../../parts/content-kind.ts";

/** How many bytes of content a row shows, and how many requests run at once: browsers allow six to one server. */
const HEAD_BYTES = 400;
const AT_ONCE = 3;
/** A row that was not visible for this long is not asked for: rows that fly past cost the server nothing. */
const REST_MS = 50;
const MAX_KEPT = 4000;

/** The begin of a content, for its row. */
export interface Preview {
  /** The first line; undefined where the content is no text. */
  readonly line: string | undefined;
  /** In bytes. */
  readonly size: number;
  /** Why there is none, or what it is instead. */
  readonly instead?: string;
}

/** Fetches the begins of the contents whose rows are visible, some at a time. */
export class Previews {
  /** Changes when one arrived. */
  readonly arrived = signal(0);
  readonly #kept = new Map<string, Preview>();
  #wanted: readonly Frame[] = [];
  readonly #running = new Map<string, AbortController>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #picture: number | undefined;

  get(id: string): Preview | undefined {
    return this.#kept.get(id);
  }

  /** Says which frames are visible: what is not any more is cancelled. */
  want(frames: readonly Frame[]): void {
    this.#wanted = frames.filter(({ id, hash }) => hash !== null && !this.#kept.has(id));
    const wanted = new Set(this.#wanted.map(({ id }) => id));
    for (const [id, running] of this.#running) if (!wanted.has(id)) running.abort();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, REST_MS);
  }

  close(): void {
    this.want([]);
    clearTimeout(this.#timer);
    if (this.#picture !== undefined) cancelAnimationFrame(this.#picture);
  }

  #start(): void {
    for (const frame of this.#wanted) {
      if (this.#running.size >= AT_ONCE) return;
      if (!this.#running.has(frame.id) && !this.#kept.has(frame.id)) void this.#fetch(frame);
    }
  }

  async #fetch(frame: Frame): Promise<void> {
    const { id } = frame;
    const ending = new AbortController();
    this.#running.set(id, ending);
    try {
      this.#keep(id, await preview(frame, ending.signal));
    } catch (error) {
      const problem = error instanceof Problem ? error.code.replaceAll("_", " ") : "no answer";
      if (!isAbort(error) && !ending.signal.aborted && problem !== "away") {
        this.#keep(id, { line: undefined, size: 0, instead: problem });
      }
    }
    this.#running.delete(id);
    this.#start();
  }

  #keep(id: string, preview: Preview): void {
    bound(this.#kept, MAX_KEPT);
    this.#kept.set(id, preview);
    this.#picture ??= requestAnimationFrame(() => {
      this.#picture = undefined;
      this.arrived.value += 1;
    });
  }
}

async function preview({ id, hash, ttl }: Frame, signal: AbortSignal): Promise<Preview> {
  const headers = { range: `bytes=0-${HEAD_BYTES - 1}` };
  // The store does not know a frame that is not stored, and has its content for a while.
  const isPassing = ttl === "ephemeral" && hash !== null;
  const path = isPassing ? `/cas/${encodeURIComponent(hash)}` : `/${id}/content`;
  const response = await ask(path, { signal, headers });
  const bytes = await headOf(response);
  const length = response.headers.get("content-length");
  const size = sizeOfWhole(response) ?? Number(length ?? bytes.length);
  const line = firstLine(bytes, bytes.length < size);
  const type = line === undefined ? mediaType(bytes) : undefined;
  return { line, size, ...(type && { instead: type }) };
}

/** The first bytes of a response: a content that still grows has no ranges, and no end. */
async function headOf(response: Response): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  await reader?.cancel();
  return value?.subarray(0, HEAD_BYTES) ?? new Uint8Array();
}

/** The first line of bytes that are text; undefined for others. @param isCut the last character may be a part of one */
function firstLine(bytes: Uint8Array, isCut: boolean): string | undefined {
  const text = textIn(bytes, isCut);
  return text && (/^\s*([^\n]*)/.exec(text)?.[1] ?? "");
}
