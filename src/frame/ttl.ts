import { shown, XsError } from "./error.ts";
import { timestampOf } from "./id.ts";

/** How long a frame is kept. `text` is the form that stands in frames. */
export type Ttl =
  | { readonly kind: "forever" | "ephemeral"; readonly text: string }
  | { readonly kind: "time"; readonly text: string; readonly ms: number }
  | { readonly kind: "last"; readonly text: string; readonly count: number };

export const FOREVER: Ttl = { kind: "forever", text: "forever" };
export const EPHEMERAL: Ttl = { kind: "ephemeral", text: "ephemeral" };

/** Longest `time:`, in ms: with any timestamp it still makes an exact number. */
const MAX_MS = 2 ** 52;

/** Parses `forever`, `ephemeral`, `time:<ms>` or `last:<n>`. @throws XsError `bad_ttl` */
export function parseTtl(text: string): Ttl {
  if (text === "forever") return FOREVER;
  if (text === "ephemeral") return EPHEMERAL;
  const [, kind, digits] = /^(time|last):([1-9][0-9]{0,15})$/.exec(text) ?? [];
  const value = Number(digits);
  if (kind === "time" && value <= MAX_MS) return { kind, text, ms: value };
  if (kind === "last" && Number.isSafeInteger(value)) return { kind, text, count: value };
  throw new XsError(
    "bad_ttl",
    `ttl ${shown(text)} is not one of forever, ephemeral, time:<milliseconds>, last:<count> (from 1 up)`,
  );
}

/** The moment a frame with this ttl and id expires, in ms, or null if it does not. */
export function expiryOf(ttl: Ttl, id: string): number | null {
  return ttl.kind === "time" ? timestampOf(id) + ttl.ms : null;
}
