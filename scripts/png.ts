import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const MAX_COLOURS = 256;

/**
 * A small PNG of pixels without transparency: each has one of the 256 colours that are in the picture most often. A page
 * of text has little more than these.
 *
 * @param pixels four bytes each, red first
 */
export function encodePng(pixels: Uint8Array, width: number, height: number): Uint8Array {
  const { palette, places } = reduced(pixels);
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    lines.set(places.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a pixel, which are a place in the palette.
  header.set([8, 3, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap((colour) => [colour >> 16, colour >> 8, colour]))),
    chunk("IDAT", deflateSync(lines, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

function reduced(pixels: Uint8Array): { palette: number[]; places: Uint8Array } {
  const counts = new Map<number, number>();
  const count = pixels.length / 4;
  const colours = new Uint32Array(count);
  for (let at = 0; at < count; at += 1) {
    const [red = 0, green = 0, blue = 0] = pixels.subarray(at * 4, at * 4 + 3);
    const colour = (red << 16) | (green << 8) | blue;
    colours[at] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = chosen(counts);
  const placeOf = new Map<number, number>();
  const places = colours.map((colour) => {
    let place = placeOf.get(colour);
    if (place === undefined) {
      place = nearest(palette, colour);
      placeOf.set(colour, place);
    }
    return place;
  });
  return { palette, places: Uint8Array.from(places) };
}

/** The colours that count: the most frequent ones, each apart from the others where there are more than fit. */
function chosen(counts: ReadonlyMap<number, number>): number[] {
  const byCount = [...counts.keys()].sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  if (byCount.length <= MAX_COLOURS) return byCount;
  for (let apart = 2; ; apart += 2) {
    const palette: number[] = [];
    for (const colour of byCount) {
      if (palette.every((other) => distance(colour, other) > apart * apart)) palette.push(colour);
      if (palette.length > MAX_COLOURS) break;
    }
    if (palette.length <= MAX_COLOURS) return palette;
  }
}

function nearest(palette: readonly number[], colour: number): number {
  let best = 0;
  for (const [at, other] of palette.entries()) {
    if (distance(other, colour) < distance(palette[best] ?? 0, colour)) best = at;
  }
  return best;
}

function distance(one: number, other: number): number {
  const apart = (shift: number) => ((one >> shift) & 255) - ((other >> shift) & 255);
  return apart(16) ** 2 + apart(8) ** 2 + apart(0) ** 2;
}
