import type { Migration, MigrationListener } from "../../store/migration.ts";
import { megabytes } from "./megabytes.ts";
import { messages } from "./messages.ts";
import { plural } from "./plural.ts";
import { Progress } from "./progress.ts";

/** Shows a person the migration of a store: a line when it begins and when it ends, and a bar on a terminal. */
export function showMigration(): MigrationListener {
  const bar = new Progress();
  let shown: Migration | undefined;
  let started = 0;
  return {
    begins(migration) {
      shown = migration;
      started = performance.now();
      const { directory, to, frames, done, isCopy } = migration;
      // Each command on a store that cannot be written makes such a copy.
      if (isCopy) return;
      const rest = done > 0 ? `, ${done.toLocaleString("en")} of them done` : "";
      messages.info(`migrating ${directory} to schema ${to}: ${plural(frames, "frames")}${rest}`);
    },
    progress(frames) {
      bar.show("migrating", frames / Math.max(shown?.frames ?? 1, 1));
    },
    ended({ before, after }) {
      bar.clear();
      if (!shown || shown.isCopy) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      messages.info(`migrated in ${seconds} s: ${megabytes(before)} are ${megabytes(after)} now`);
    },
  };
}
