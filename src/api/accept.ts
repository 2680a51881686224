/** A media range of `Accept`, with how much it is wanted, from 0 to 1. */
interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

/**
 * The type that a client prefers, as its `Accept` says (RFC 9110, 12.5.1): the one of the highest `q`, then
 * the one that is named more exactly, then the earlier of the offers. Undefined where it wants none of
 * them; without the header it is the last offer.
 *
 * @param offers media types in small letters, without parameters; the last is what is given by default
 */
export function preferred<T extends string>(
  accept: string | null | undefined,
  offers: readonly T[],
): T | undefined {
  if (!accept?.trim()) return offers.at(-1);
  const ranges = rangesOf(accept);
  let best: { offer: T; quality: number; exactness: number } | undefined;
  for (const [at, offer] of offers.entries()) {
    const { quality, exactness } = match(ranges, offer);
    if (quality === 0) continue;
    const equal = best && quality === best.quality && exactness === best.exactness;
    // Where a client names neither, it has not asked for anything but the default.
    const isDefault = at === offers.length - 1 && exactness < 2;
    const better =
      !best ||
      quality > best.quality ||
      (quality === best.quality && exactness > best.exactness) ||
      (equal && isDefault);
    if (better) best = { offer, quality, exactness };
  }
  return best?.offer;
}

/** How much an offer is wanted: of the ranges that it is in, the most exact one tells. */
function match(ranges: readonly Range[], offer: string): { quality: number; exactness: number } {
  const [type, subtype] = offer.split("/");
  let found = { quality: 0, exactness: -1 };
  for (const range of ranges) {
    if (range.type !== type && range.type !== "*") continue;
    if (range.subtype !== subtype && range.subtype !== "*") continue;
    const exactness = range.subtype !== "*" ? 2 : range.type !== "*" ? 1 : 0;
    if (exactness > found.exactness) found = { quality: range.quality, exactness };
  }
  return found;
}

function rangesOf(accept: string): Range[] {
  const ranges: Range[] = [];
  // Between quotes a comma or a semicolon is a part of a value.
  for (const [element] of accept.matchAll(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g)) {
    const [range = "", ...parameters] = element.match(/(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g) ?? [];
    const [, type, subtype] = /^\s*([^\s/]+)\/([^\s/]+)\s*$/.exec(range.toLowerCase()) ?? [];
    if (type === undefined || subtype === undefined || (type === "*" && subtype !== "*")) continue;
    ranges.push({ type, subtype, quality: qualityIn(parameters) });
  }
  return ranges;
}

function qualityIn(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const [, q] = /^\s*q\s*=\s*(\d(?:\.\d*)?|\.\d+)\s*$/i.exec(parameter) ?? [];
    if (q !== undefined) return Math.min(1, Number(q));
  }
  return 1;
}
