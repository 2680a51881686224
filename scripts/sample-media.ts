import { encodePng } from "./png.ts";

/** A picture of hills under an evening sky, as a PNG. */
export function landscape(width: number, height: number): Uint8Array {
  const pixels = new Uint8Array(width * height * 4);
  const hills = [
    { level: 0.56, wave: 0.05, step: 90, colour: [122, 111, 148] },
    { level: 0.68, wave: 0.06, step: 140, colour: [84, 84, 120] },
    { level: 0.82, wave: 0.05, step: 60, colour: [44, 56, 78] },
  ] as const;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const down = y / height;
      const hill = hills.findLast(
        ({ level, wave, step }) => down > level + wave * Math.sin(x / step + level * 20),
      );
      const isSun = Math.hypot(x - width * 0.68, y - height * 0.42) < height * 0.11;
      // Few colours, as on a poster: a picture of the page has not many left for it.
      const band = Math.floor(down * 12) / 12;
      const sky = [92 + 150 * band, 110 + 90 * band, 160 - 40 * band];
      const colour = hill?.colour ?? (isSun ? [255, 221, 150] : sky);
      pixels.set([...colour, 255], (y * width + x) * 4);
    }
  }
  return encodePng(pixels, width, height);
}

const RATE = 8000;

/** A sound that rises and falls, as a WAV file of one channel. */
export function voice(seconds: number): Uint8Array {
  const samples = RATE * seconds;
  const bytes = new Uint8Array(44 + samples);
  const view = new DataView(bytes.buffer);
  const text = (at: number, value: string) => bytes.set(new TextEncoder().encode(value), at);
  text(0, "RIFF");
  view.setUint32(4, 36 + samples, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE, true);
  view.setUint32(28, RATE, true);
  view.setUint16(32, 1, true);
  view.setUint16(34, 8, true);
  text(36, "data");
  view.setUint32(40, samples, true);
  for (let at = 0; at < samples; at += 1) {
    const loudness = Math.sin((at / samples) * Math.PI) * 60;
    bytes[44 + at] = 128 + loudness * Math.sin((at / RATE) * 2 * Math.PI * 330);
  }
  return bytes;
}
