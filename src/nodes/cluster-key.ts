import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { XsError } from "../core/error.ts";
import { writeDurably } from "../lib/durable-file.ts";
import { CLUSTER_KEY } from "../store/is-store.ts";
import { PRIVATE_FILE } from "../store/modes.ts";

/**
 * The key with which each record is signed: 32 bytes, in a file as hexadecimal digits. The first node makes it, the
 * others have a copy.
 *
 * @param isFirst the journal has no record yet
 * @throws XsError `journal_unsafe` where it is missing, or is none
 */
export function clusterKey(directory: string, isFirst: boolean): Uint8Array {
  const path = join(directory, CLUSTER_KEY);
  if (!existsSync(path)) {
    if (isFirst) return crypto.getRandomValues(new Uint8Array(32));
    throw new XsError(
      "journal_unsafe",
      `${path} is missing: copy it from another node of this store, in a way that nobody can read (who has it can write to the store, and run code on its nodes)`,
    );
  }
  const text = readFileSync(path, "utf8").trim();
  if (/^[0-9a-f]{64}$/.test(text)) return Uint8Array.fromHex(text);
  throw new XsError(
    "journal_unsafe",
    `${path} is no cluster key, which has 64 hexadecimal digits: copy it from another node`,
  );
}

/** Writes the key down, where that is not done. */
export function keepClusterKey(directory: string, key: Uint8Array): void {
  const path = join(directory, CLUSTER_KEY);
  if (existsSync(path)) return;
  // Before the first record that it signs: without it nobody could read the journal any more.
  writeDurably(path, `${key.toHex()}\n`, PRIVATE_FILE);
}

/** Whether the file has a key, or another one, or is not there: the next start of the node needs it. */
export function keyFileOf(directory: string, key: Uint8Array): "same" | "other" | "missing" {
  try {
    const text = readFileSync(join(directory, CLUSTER_KEY), "utf8").trim();
    return text === key.toHex() ? "same" : "other";
  } catch {
    return "missing";
  }
}
