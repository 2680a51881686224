/** Says how long a wait is, in one unit: `0.3 s`, `42 s`, `59 min`, `12 h`. */
export function waitText(ms: number): string {
  if (ms < 950) return `${Math.max(1, Math.round(ms / 100)) / 10} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
