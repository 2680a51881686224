import { mkdirSync } from "node:fs";

/** The mode of a file that only its owner may use. */
export const PRIVATE_FILE = 0o600;
/** The mode of a folder that only its owner may use. */
export const PRIVATE_FOLDER = 0o700;

/** Makes a folder where there is none. The folder above it must exist. */
export function makePrivateFolder(path: string): void {
  try {
    mkdirSync(path, PRIVATE_FOLDER);
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
  }
}

/** Changes the umask of this process so that the owner may use the files that it makes. */
export function letOwnerIn(): void {
  const umask = process.umask();
  if (umask & PRIVATE_FOLDER) process.umask(umask & ~PRIVATE_FOLDER);
}
