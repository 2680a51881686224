/** How many bytes a line has, and how many are shown. */
const LINE = 16;
const MAX_SHOWN = 16 * 1024;

/** Bytes as numbers and, beside these, as the characters that they stand for. */
export function Hex({ bytes }: { bytes: Uint8Array }) {
  const shown = bytes.subarray(0, MAX_SHOWN);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += LINE) {
    const part = [...shown.subarray(at, at + LINE)];
    const numbers = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·",
    );
    lines.push(`${at.toString(16).padStart(6, "0")}  ${numbers.padEnd(LINE * 3)} ${text.join("")}`);
  }
  if (bytes.length > MAX_SHOWN) lines.push(`… ${bytes.length - MAX_SHOWN} more bytes`);
  return <pre class="hex">{lines.join("\n")}</pre>;
}
