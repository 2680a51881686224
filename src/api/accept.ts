/** A media range of `Accept`, with its quality from 0 to 1. */
interface Range {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
}

/**
 * Returns the offer that a client prefers by its `Accept` header (RFC 9110, 12.5.1): the one with the
 * highest `q`, then the one that a more exact range names, then the earlier one. Undefined if the client
 * accepts none of them. Without the header, it returns the last offer.
 *
 * @param offers media types in lower case, without parameters; the last one is the default
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
    // A client that names neither offer exactly gets the default.
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

/** The quality of an offer, from the most exact range that contains it. */
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
  // A comma or semicolon between quotes belongs to a value.
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
