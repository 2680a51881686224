import { deflateSync } from "node:zlib";

/** A PNG of these measures, grey. */
export function png(width: number, height: number): Uint8Array {
  return pngOf(width, height, deflateSync(Buffer.alloc((width + 1) * height, 0x80)));
}

/** A PNG of a few bytes that claims these measures. */
export function huge(width: number, height: number): Uint8Array {
  return pngOf(width, height, deflateSync(Buffer.alloc(16)));
}

/** The smallest GIF. */
export function gif(): Uint8Array {
  return Buffer.from("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7", "base64");
}

/** A tenth of a second of silence. */
export function wav(): Uint8Array {
  const samples = Buffer.alloc(800, 0x80);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(8000, 24);
  head.writeUInt32LE(8000, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write("data", 36);
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}

function pngOf(width: number, height: number, data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // Eight bits of grey.
  head.writeUInt8(8, 8);
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  return Buffer.concat([
    signature,
    part("IHDR", head),
    part("IDAT", data),
    part("IEND", Buffer.alloc(0)),
  ]);
}

function part(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(data.length);
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(Bun.hash.crc32(body));
  return Buffer.concat([size, body, crc]);
}
