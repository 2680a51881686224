import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** What the tests of the description of the API need, with the versions that they were written for. */
const PACKAGES = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"];
const CACHE = join(import.meta.dir, "../../node_modules/.cache");
const HOME = join(CACHE, `python-${Bun.hash(PACKAGES.join()).toString(36)}`);
/** How long an installation may take, in ms. */
const MOST_MS = 300_000;

/** The Python of an environment with these packages. */
export const PYTHON = join(HOME, "bin/python");
export const SCHEMATHESIS = join(HOME, "bin/schemathesis");

/** Why there is no such environment; undefined where there is one. It is made where that is possible. */
export function missingPython(): string | undefined {
  const isThere = () =>
    existsSync(PYTHON) && run([PYTHON, "-c", "import schemathesis, openapi_spec_validator"]).ok;
  if (isThere()) return undefined;
  const python = Bun.which("python3");
  if (python === null) return "python3 is not here";
  rmSync(HOME, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  const made = run([python, "-m", "venv", HOME]);
  if (!made.ok) return `python3 makes no environment: ${made.said}`;
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
  const installed = run([PYTHON, ...pip, ...PACKAGES]);
  return isThere() ? undefined : `pip does not install ${PACKAGES.join(", ")}: ${installed.said}`;
}

function run(command: string[]): { ok: boolean; said: string } {
  const { exitCode, stderr } = Bun.spawnSync(command, { stdout: "ignore", timeout: MOST_MS });
  return { ok: exitCode === 0, said: stderr.toString().trim().split("\n").at(-1) ?? "" };
}
