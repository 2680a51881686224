import { reportUncaught, run } from "./cli/kit/run.ts";
// This file imports little: each command waits for all of it.
import { ROLES } from "./lib/roles.ts";

const [role, ...args] = process.argv.slice(2);
// The runner of scripts reports uncaught errors itself.
if (role !== ROLES.ts) reportUncaught();
try {
  if (role === ROLES.guard) await (await import("./processors/child/guard.ts")).guard(args);
  if (role === ROLES.shell) await (await import("./processors/shell/runner.ts")).runCommands();
  if (role === ROLES.search)
    await (await import("./store/sqlite/search/process.ts")).runSearch(args);
  if (role === ROLES.ts) await (await import("./sdk/ts/runner.ts")).runScript(args);
  process.exit(await run(process.argv.slice(2)));
} catch (error) {
  const { visible } = await import("./core/visible.ts");
  const message = visible((error as Error).message, "\n\t");
  process.stderr.write(`xs: this should not have happened: ${message}\n`);
  process.exit(1);
}
