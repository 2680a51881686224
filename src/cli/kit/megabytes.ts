/** A number of bytes, for a person: `megabytes(1_500_000)` is "1.5 MB". */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}
