import { expect } from "bun:test";
import { packTar, type TarHeader, unpackTar } from "modern-tar";

/** An entry for a tar of a test: a name and its bytes, and what is unusual about it. */
export interface Entry extends Partial<TarHeader> {
  name: string;
  data?: string | Uint8Array;
}

/** The entries of a tar, by their names, each of which may be there once. */
export async function entriesIn(tar: Uint8Array): Promise<Map<string, Uint8Array>> {
  const entries = await unpackTar(tar, { strict: true });
  const byName = new Map(entries.map(({ header, data = new Uint8Array() }) => [header.name, data]));
  expect(byName.size).toBe(entries.length);
  return byName;
}

/** Makes a tar of entries as they are, whatever they are. */
export function makeTar(entries: readonly Entry[]): Promise<Uint8Array<ArrayBuffer>> {
  return packTar(
    entries.map(({ data = "", ...header }) => {
      const body = typeof data === "string" ? Buffer.from(data) : data;
      return { header: { size: body.length, ...header }, body };
    }),
  ) as Promise<Uint8Array<ArrayBuffer>>;
}

/** Changes bytes in the header of an entry, and makes its checksum right again unless told not to. */
export function forge(
  tar: Uint8Array<ArrayBuffer>,
  name: string,
  at: number,
  bytes: string,
  mend = true,
): Uint8Array<ArrayBuffer> {
  const forged = Buffer.from(tar);
  const start = forged.indexOf(`${name}\0`);
  forged.write(bytes, start + at, "latin1");
  if (mend) {
    forged.write("        ", start + 148, "latin1");
    const sum = forged.subarray(start, start + 512).reduce((total, byte) => total + byte, 0);
    forged.write(`${sum.toString(8).padStart(6, "0")}\0 `, start + 148, "latin1");
  }
  return new Uint8Array(forged);
}

/** Takes an export until its first mebibyte is there, does something, and takes the rest. */
export async function interrupted(response: Response, change: () => void): Promise<number> {
  const reader = response.body?.getReader();
  let bytes = 0;
  let changed = false;
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    bytes += next.value.length;
    if (!changed && bytes > 1024 * 1024) {
      changed = true;
      change();
    }
  }
  return bytes;
}
