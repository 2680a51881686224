import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const made: string[] = [];

/** A new directory that is gone when the tests end. */
export function tempDir(): string {
  const path = mkdtempSync(join(tmpdir(), "xs-test-"));
  made.push(path);
  return path;
}

process.on("exit", () => {
  for (const path of made) rmSync(path, { recursive: true, force: true });
});
