// Requests that schemathesis makes of the description of the API, with every rule that it checks.
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingPython, SCHEMATHESIS } from "../support/python.ts";
import { report, setting } from "../support/random.ts";
import { plainEnv } from "../support/server.ts";
import { Exposed } from "../support/tokens.ts";
import { TEST_MS, until } from "../support/wait.ts";

/** For each operation, beside those that try each option: some thousands in all. `XS_OPENAPI_CASES=1000` for the long run. */
const CASES = setting("XS_OPENAPI_CASES", 10);
/** The same requests each time, unless another is asked for. */
const SEED = setting("XS_OPENAPI_SEED", 1);
setDefaultTimeout(TEST_MS + CASES * 60_000);

const HERE = join(import.meta.dir, "schemathesis");
/** The hooks stay the only file of theirs in this folder. */
const PYTHON_ENV = {
  PYTHONPATH: HERE,
  PYTHONDONTWRITEBYTECODE: "1",
  SCHEMATHESIS_HOOKS: "hooks",
};
/** Options with which a read does not end, or not soon. */
const LASTING = ["follow", "wait"];
/** A store on one machine has no records, and does not look at the key of a retry. */
const OF_NODES = ["xs-reached", "xs-retry-key"];
/** Imports accept ids to come, with which those of the store go on. */
const LEFT_OUT = ["/import"];

interface Operation {
  parameters: { name: string; in: string }[];
  requestBody?: { content: Record<string, { schema: { contentSchema?: object } } | undefined> };
}

const missing = missingPython();

test.skipIf(missing !== undefined)(
  `schemathesis finds nothing in thousands of requests (${missing ?? `${CASES} an operation`})`,
  async () => {
    await using it = await Exposed.start();
    const { paths, ...rest } = (await (await it.server.fetch("/-/openapi.json")).json()) as {
      paths: Record<string, Record<string, Operation>>;
    };
    for (const path of LEFT_OUT) {
      expect(paths[path]).toBeDefined();
      delete paths[path];
    }
    for (const operation of Object.values(paths).flatMap((item) => Object.values(item))) {
      operation.parameters = operation.parameters.filter(
        ({ name, in: place }) =>
          !OF_NODES.includes(name) && !(place === "query" && LASTING.includes(name)),
      );
      // Hooks write the list as lines.
      const ndjson = operation.requestBody?.content["application/x-ndjson"];
      if (ndjson) ndjson.schema = ndjson.schema.contentSchema ?? {};
    }
    // Until its index is there, the search answers 503.
    await until("the index", async () => (await it.server.fetch("/-/search?q=a")).ok);
    const document = join(it.home.path, "openapi.json");
    writeFileSync(document, JSON.stringify({ ...rest, paths }));
    const { code, said } = await run(it.home.path, [
      ...["--config-file", join(HERE, "schemathesis.toml"), "run", document],
      ...["--url", `http://${it.address}`, "--header", `Authorization: Bearer ${it.owner}`],
      ...["--max-examples", String(CASES), "--seed", String(SEED), "--no-color"],
    ]);
    expect([code, code === 0 ? "" : said]).toEqual([0, ""]);
    const [, generated] = /(\d+) generated/.exec(said) ?? [];
    report(`XS_OPENAPI_CASES=${CASES} XS_OPENAPI_SEED=${SEED}`, [`${generated} requests`]);
    expect(Number(generated)).toBeGreaterThanOrEqual(1000);
    // What came of all that is a store without damage.
    const checked = await (await it.server.fetch("/verify")).text();
    expect(JSON.parse(checked)).toMatchObject({ problems: 0 });
  },
);

/** Runs it to its end, which may be far away: only the limit of the test ends it before. */
async function run(cwd: string, args: readonly string[]): Promise<{ code: number; said: string }> {
  const env = { ...plainEnv(cwd), ...PYTHON_ENV };
  await using child = Bun.spawn([SCHEMATHESIS, ...args], { cwd, env, stderr: "pipe" });
  const [stdout, stderr] = await Promise.all(
    [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
  );
  return { code: await child.exited, said: `${stdout}${stderr}` };
}
