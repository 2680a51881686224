import { quoted, XsError } from "./error.ts";

/**
 * Checks a Subresource-Integrity string as xs writes them: `sha256-` and 44 base64 digits
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

/** Tells whether a text is a hash, as {@link parseHash} takes it. */
export function isHash(text: string): boolean {
  try {
    return parseHash(text) === text;
  } catch {
    return false;
  }
}

/** The hash of some content. */
export function hashOf(bytes: Uint8Array): string {
  return `sha256-${new Bun.CryptoHasher("sha256").update(bytes).digest("base64")}`;
}

/** The 32 bytes of a hash. Inverse of {@link hashOfDigest}. */
export function digestOf(hash: string): Buffer {
  return Buffer.from(hash.slice("sha256-".length), "base64");
}

/** The hash with these 32 bytes. */
export function hashOfDigest(digest: Buffer): string {
  return `sha256-${digest.toString("base64")}`;
}

/** The hashes that a text names, each as often as it does. */
export function hashesIn(text: string): string[] {
  return text.includes("sha256-") ? (text.match(/sha256-[A-Za-z0-9+/]{43}=/g) ?? []) : [];
}
