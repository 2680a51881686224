import type { Blobs } from "../store/journal/journal.ts";
import type { SqliteStore } from "../store/sqlite/engine.ts";
import type { TakenContent } from "../store/types.ts";

/** The prefix of the blobs that have content: the rest is its hash, and what tells two puts of it apart. */
export const CONTENT_PREFIX = "c/";

/** Puts large content that this node has taken where the other nodes find it, unless they do already. */
export async function inBlob(
  store: SqliteStore,
  blobs: Blobs,
  content: TakenContent,
): Promise<TakenContent> {
  const { hash, bytes, known } = content;
  if (bytes || known || store.replica?.blobs.find(hash)) return content;
  const file = await store.content.files.open(hash);
  if (!file) return content;
  const name = `${CONTENT_PREFIX}${hash}.${crypto.randomUUID()}`;
  await blobs.put(name, file.stream());
  return { ...content, blob: name };
}
