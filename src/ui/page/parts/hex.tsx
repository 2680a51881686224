import { useState } from "preact/hooks";
import { size } from "../lib/format.ts";
import { useWidth } from "../lib/use-size.ts";
import { ScrollBox } from "./scroll-box.tsx";

/** How many bytes are shown at first. */
const PART = 16 * 1024;
/** From this width on, in px, a line has sixteen bytes, else eight. */
const WIDE = 600;

/** Bytes as numbers and, beside these, as the characters that they stand for. */
export function Hex({ bytes }: { bytes: Uint8Array }) {
  const [most, setMost] = useState(PART);
  const { ref, width } = useWidth<HTMLElement>();
  const perLine = width < WIDE ? 8 : 16;
  const shown = bytes.subarray(0, most);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += perLine) {
    const part = [...shown.subarray(at, at + perLine)];
    const numbers = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = part.map((byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·",
    );
    lines.push(
      `${at.toString(16).padStart(6, "0")}  ${numbers.padEnd(perLine * 3 - 1)}  ${text.join("")}`,
    );
  }
  return (
    <>
      <ScrollBox box={ref} class="bytes-scroll" label="The bytes">
        <pre>{lines.join("\n")}</pre>
      </ScrollBox>
      {bytes.length > most && (
        <button type="button" onClick={() => setMost(most * 4)}>
          Show more: {size(bytes.length - most)} are left
        </button>
      )}
    </>
  );
}
