// The gate: build, format and lint, types, layers, then all tests. The last line on stdout is the
// count of everything that passed and failed.
import { availableParallelism } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const bun = process.execPath;
/** So many files of tests run at a time: most of them wait for other processes, also on a machine with one core. */
const AT_A_TIME = Math.min(Math.max(availableParallelism(), 2), 4);
/** The tests that measure, or that load the whole machine, run when no others do. */
const ALONE = "tests/load/";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

async function runStep(command: string[]): Promise<boolean> {
  const child = Bun.spawn(command, { cwd: root, stdio: ["ignore", "inherit", "inherit"] });
  return (await child.exited) === 0;
}

/**
 * Reads the totals Bun prints after its last test; undefined if the run died before that.
 * Its JUnit file leaves out test files that throw while loading, so it is no use here.
 */
function readSummary(output: string): Count | undefined {
  const lines = Bun.stripANSI(output).split("\n");
  const end = lines.findLastIndex((line) => /^Ran \d+ tests? across \d+ files?\./.test(line));
  const start = lines.findLastIndex((line, at) => at < end && /^ +\d+ pass$/.test(line));
  if (start < 0) return undefined;
  const total = (word: string): number => {
    const line = lines.slice(start, end).find((text) => text.endsWith(` ${word}`));
    return line ? Number.parseInt(line, 10) : 0;
  };
  return { passed: total("pass"), failed: total("fail"), skipped: total("skip") + total("todo") };
}

/** Runs some of the tests, and adds them to the count. @param options of `bun test` */
async function runTests(options: string[]): Promise<void> {
  const child = Bun.spawn([bun, "test", "--timeout", "60000", ...options], {
    cwd: root,
    stdio: ["ignore", "inherit", "pipe"],
  });
  const decoder = new TextDecoder();
  let output = "";
  for await (const chunk of child.stderr) {
    process.stderr.write(chunk);
    // The totals are the end of the output; a long run need not be kept whole.
    output = (output + decoder.decode(chunk, { stream: true })).slice(-65536);
  }
  const code = await child.exited;
  const tests = readSummary(output) ?? { passed: 0, failed: 0, skipped: 0 };
  if (tests.failed === 0 && (code !== 0 || tests.passed === 0)) {
    console.error(`tests: no test failed, but bun test ended with code ${code} or ran nothing`);
    tests.failed = 1;
  }
  count.passed += tests.passed;
  count.failed += tests.failed;
  count.skipped += tests.skipped;
}

const count: Count = { passed: 0, failed: 0, skipped: 0 };

async function gate(title: string, command: string[]): Promise<boolean> {
  console.error(`\n== ${title}`);
  const passed = await runStep(command);
  if (passed) count.passed += 1;
  else count.failed += 1;
  return passed;
}

// Many tests run dist/xs, so without a build their failures would tell nothing.
if (await gate("build", [bun, "scripts/build-binary.ts"])) {
  await gate("format and lint", [bun, "x", "--no-install", "biome", "check", "."]);
  await gate("types", [bun, "x", "--no-install", "tsc", "-p", "."]);
  await gate("types of the page", [bun, "x", "--no-install", "tsc", "-p", "src/ui/page"]);
  await gate("layers", [bun, "scripts/check-layers.ts"]);
  console.error("\n== tests");
  // Where it cannot install what is missing, the tests that need it skip.
  await runStep([bun, "scripts/packages.ts"]);
  // Workers keep the modules that many files of tests load.
  const together = [`--parallel=${AT_A_TIME}`, "--no-isolate"];
  await runTests([...together, `--path-ignore-patterns=${ALONE}**`]);
  await runTests([ALONE]);
}

const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : "";
console.log(`${count.passed} passed, ${count.failed} failed${skipped}`);
process.exitCode = count.failed > 0 ? 1 : 0;
