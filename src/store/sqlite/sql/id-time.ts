const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";
/** So many digits of an id, in base 36, fit into a number of SQLite. The others are 13. */
const TAKEN = 12;
const LIMB = 2 ** 21;

/**
 * The time in an id, in ms, as an expression of SQL. It is the id, a number of base 36, over 2^80. In units of 36^13 that
 * is the first digits, times 3^26 over 2^54. They are rounded up: what the other digits add is below a 7,000th of a
 * millisecond.
 *
 * @param id an expression
 */
export function idTime(id: string): string {
  const digits = Array.from({ length: TAKEN }, (_, at) => {
    const digit = `(instr('${DIGITS}', substr(${id}, ${at + 1}, 1)) - 1)`;
    return `${digit} * ${36n ** BigInt(TAKEN - 1 - at)}`;
  });
  const head = `(${digits.join(" + ")} + 1)`;
  // A product of three limbs, so that no number gets longer than 63 bits.
  const factor = 3 ** 26;
  const low = `(${head} % ${LIMB} * ${factor} / ${LIMB})`;
  const middle = `((${head} / ${LIMB} % ${LIMB} * ${factor} + ${low}) / ${LIMB})`;
  return `((${head} / ${LIMB ** 2} * ${factor} + ${middle}) / 4096)`;
}
