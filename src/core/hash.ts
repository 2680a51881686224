import { quoted, XsError } from "./error.ts";

/**
 * Checks a content hash, a Subresource-Integrity string as xs writes it: `sha256-` and 44 base64 digits
 * (https://www.w3.org/TR/SRI/). @throws XsError `bad_hash`
 */
export function parseHash(text: string): string {
  const digest = /^sha256-([A-Za-z0-9+/]{43}=)$/.exec(text)?.[1];
  // A base64 text can name the same bytes in several ways; only the canonical one is a hash.
  if (!digest || Buffer.from(digest, "base64").toString("base64") !== digest) {
    throw new XsError(
      "bad_hash",
      `${quoted(text)} is not a content hash: it is "sha256-" and 44 base64 digits`,
    );
  }
  return text;
}

/** Tells whether {@link parseHash} accepts a text. */
export function isHash(text: string): boolean {
  try {
    return parseHash(text) === text;
  } catch {
    return false;
  }
}

/** Computes the hash of content. */
export function hashOf(bytes: Uint8Array): string {
  return `sha256-${Bun.CryptoHasher.hash("sha256", bytes, "base64")}`;
}

/** The 32 bytes of a hash. Inverse of {@link hashOfDigest}. */
export function digestOf(hash: string): Buffer {
  return Buffer.from(hash.slice("sha256-".length), "base64");
}

/** The hash with these 32 bytes. */
export function hashOfDigest(digest: Buffer): string {
  return `sha256-${digest.toString("base64")}`;
}

/** All hashes in a text, in order, duplicates included. */
export function hashesIn(text: string): string[] {
  return text.includes("sha256-") ? (text.match(/sha256-[A-Za-z0-9+/]{43}=/g) ?? []) : [];
}
