/** What a node says of itself to another. A newer xs may say more. */
export interface OwnStatus {
  readonly leads: boolean;
  readonly epoch: number | null;
  /** The last record that it has applied. */
  readonly record: number;
  /** The newest id that its store has given by then; "" before the first. */
  readonly newest: string;
  readonly contents: number | null;
  readonly contentBytes: number | null;
  readonly contentsElsewhere: number | null;
  readonly diskFreeBytes: number | null;
  /** Its clock, in ms since 1970. */
  readonly now: number;
  readonly version: string;
  readonly host: string;
  readonly address: string | null;
  /** How long its last append to the journal took; null where it has made none. */
  readonly appendMs: number | null;
  /** See {@link publicKeyId}. */
  readonly keyId: string;
  /** Whether the file has the key that the server uses. */
  readonly keyFile: "same" | "other" | "missing";
  readonly problem: string | null;
}

/** What tells one cluster key from another and says nothing of the key. */
export function publicKeyId(key: Uint8Array): string {
  const hasher = new Bun.CryptoHasher("sha256", key);
  return hasher.update("xs: which cluster key").digest("hex").slice(0, 16);
}
