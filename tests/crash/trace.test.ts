import { expect, test } from "bun:test";
import { parseTrace } from "./trace.ts";

test("what a trace tells is in the order of its lines, whatever its stamps and lengths say", () => {
  // The open was stamped long before it began to be measured: 1.0 + 0.1 is no time of its end.
  const calls = parseTrace(`7 1.000000000 openat(AT_FDCWD, "\\x61", O_RDONLY <unfinished ...>
8 1.500000000 close(5 <unfinished ...>
8 1.600000000 <... close resumed>) = 0 <0.100000000>
7 1.700000000 <... openat resumed>) = 5 <0.100000000>
8 1.650000000 fsync(5) = 0 <0.000000001>
7 1.800000000 unlink("\\x61") = -1 ENOENT (No such file or directory) <0.100000000>
8 2.000000000 write(5, "\\x62", 1 <unfinished ...>
7 2.100000000 fsync(5) = ?
8 2.100000000 +++ killed by SIGKILL +++
7 2.200000000 +++ killed by SIGKILL +++
`);
  expect(calls.map(({ name, args, result }) => [name, args, result])).toEqual([
    ["openat", 'AT_FDCWD, "\\x61", O_RDONLY', 5],
    ["close", "5", 0],
    ["fsync", "5", 0],
    ["write", '5, "\\x62", 1', Number.NaN],
    ["fsync", "5", Number.NaN],
  ]);
  const [opened, closed, synced, written, killed] = calls;
  const moments = [
    [opened?.start, closed?.start, closed?.end, opened?.end],
    [synced?.start, synced?.end, written?.start, killed?.start, written?.end],
  ].flat();
  expect(moments.every((moment, i) => i === 0 || Number(moments[i - 1]) < Number(moment))).toBe(
    true,
  );
  expect([written?.end, killed?.end]).toEqual([Infinity, Infinity]);
});
