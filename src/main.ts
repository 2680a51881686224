import { run } from "./cli/run.ts";

try {
  process.exit(await run(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`xs: this should not have happened: ${(error as Error).message}\n`);
  process.exit(1);
}
