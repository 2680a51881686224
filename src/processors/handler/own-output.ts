import { type Frame, idInLine, lastIdIn, linesIn } from "../../core/frame.ts";

/** Frames of a page that are for a handler. */
export interface HandlerPage {
  readonly bytes: Uint8Array;
  readonly lastId: string;
}

/** The frames of a page, each as a page of its own. */
export function framesOf({ bytes }: HandlerPage): HandlerPage[] {
  return linesIn(bytes).map((line) => ({
    bytes: Buffer.from(`${line}\n`),
    lastId: idInLine(line),
  }));
}

/**
 * Leaves out what a handler itself has written, and what the runtime wrote about it: frames whose
 * meta names one of its spawns. Most pages have none, and are passed on as they are.
 */
export class OwnOutput {
  readonly #spawnIds: ReadonlySet<string>;

  /** @param spawnIds of everything that ever ran under the handler's name */
  constructor(spawnIds: ReadonlySet<string>) {
    this.#spawnIds = spawnIds;
  }

  /** The page without that, and without what is not between two ids; undefined if that is all. */
  without(bytes: Uint8Array, before?: string, after?: string): HandlerPage | undefined {
    const page = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const mayBeOwn = page.includes('"handler_id":"') || page.includes('"spawn_id":"');
    if (!mayBeOwn && before === undefined && after === undefined) {
      return { bytes, lastId: lastIdIn(bytes) };
    }
    const lines = linesIn(bytes);
    const kept = lines.filter((line) => {
      const id = idInLine(line);
      if ((before !== undefined && id >= before) || (after !== undefined && id <= after))
        return false;
      return !mayBeOwn || !this.#isOwn(line, id);
    });
    const last = kept.at(-1);
    if (last === undefined) return undefined;
    return { bytes: Buffer.from(`${kept.join("\n")}\n`), lastId: idInLine(last) };
  }

  #isOwn(line: string, id: string): boolean {
    if (this.#spawnIds.has(id)) return true;
    if (!line.includes('_id":"')) return false;
    const { meta } = JSON.parse(line) as Frame;
    const { handler_id: handler, spawn_id: spawn } = (meta ?? {}) as Record<string, unknown>;
    return this.#spawnIds.has(handler as string) || this.#spawnIds.has(spawn as string);
  }
}

const THRESHOLD = Buffer.from('{"topic":"stream.cross.threshold"');

/** The boundary between history and what comes live, which is nothing to a handler. */
export function isThreshold(bytes: Uint8Array): boolean {
  return THRESHOLD.equals(bytes.subarray(0, THRESHOLD.length));
}
