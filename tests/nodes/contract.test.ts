// The suites of the contract and of the command line, at nodes. Which of them, the environment says.
import { expect, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { natsTest } from "../support/nats-test.ts";
import { report } from "../support/random.ts";

/** All subjects: `XS_CONTRACT_SUBJECTS=memory,one-node,two-nodes`. */
const SUBJECTS = (process.env.XS_CONTRACT_SUBJECTS ?? "two-nodes").split(",");
/** More of the suite of the command line: `XS_CONTRACT_CLI=tests/cli/kv.test.ts,tests/cli/on.test.ts`. */
const CLI = (process.env.XS_CONTRACT_CLI ?? "tests/cli/remove.test.ts,tests/cli/kv.test.ts").split(
  ",",
);

setDefaultTimeout(1_800_000);

for (const subject of SUBJECTS) {
  natsTest(`the contract holds on ${subject}`, () => suite(subject, ["tests/contract"]));
}

natsTest("commands do the same at a node that does not lead", () => suite("follower", CLI));

/** Runs tests in a process of their own. */
async function suite(subject: string, files: readonly string[]): Promise<void> {
  const child = Bun.spawn([process.execPath, "test", ...files, "--timeout", "120000"], {
    cwd: join(import.meta.dir, "../.."),
    env: { ...process.env, XS_TEST_SUBJECT: subject },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [said, code] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  expect([code, code === 0 ? "" : said]).toEqual([0, ""]);
  const [, passed = "0"] = /(\d+) pass/.exec(said) ?? [];
  report(`XS_TEST_SUBJECT=${subject}`, [`${passed} tests of ${files.join(", ")}`]);
  expect(Number(passed)).toBeGreaterThan(0);
}
