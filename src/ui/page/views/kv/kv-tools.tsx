import { RUNTIME_PREFIX } from "../../../../core/topic.ts";
import { about } from "../../lib/about.ts";
import { count, plural } from "../../lib/format.ts";
import { go, hrefOf } from "../../lib/place.ts";
import { Check } from "../../parts/check.tsx";
import { Link } from "../../parts/link.tsx";
import { Text } from "../../parts/text.tsx";
import { MAX_ENTRIES } from "./entries.ts";
import { wayTo } from "./folders.ts";
import { NewEntry } from "./new-entry.tsx";

interface KvToolsProps {
  readonly prefix: string;
  readonly isInFolders: boolean;
  readonly showsRuntime: boolean;
  /** How many entries are listed; undefined where the server refuses. */
  readonly entries: number | undefined;
  readonly isCut: boolean;
}

/** What selects the keys, and how they are listed. */
export function KvTools({ prefix, isInFolders, showsRuntime, entries, isCut }: KvToolsProps) {
  const way = wayTo(prefix);
  return (
    <div class="tools">
      <form
        class="tools-filter"
        onSubmit={(event) => {
          event.preventDefault();
          go({ prefix: String(new FormData(event.currentTarget).get("prefix") ?? "") });
        }}
      >
        <label>
          <span class="tools-label">Prefix</span>
          <input
            name="prefix"
            class="mono"
            key={prefix}
            defaultValue={prefix}
            placeholder="all: try  views/"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
      </form>
      <Check name="list" value="folders" label="folders" isOn={isInFolders} />
      {!prefix.startsWith(RUNTIME_PREFIX) && (
        <Check name="runtime" value="show" isOn={showsRuntime} />
      )}
      <span class="dim" role="status">
        {isCut
          ? `the first ${count(MAX_ENTRIES)} keys: give a prefix`
          : entries !== undefined && plural(entries, "key")}
      </span>
      {about.value?.writes && <NewEntry key={prefix} prefix={prefix} />}
      {way.length > 0 && (
        <nav class="kv-way" aria-label="Folders">
          <Link href={hrefOf({ prefix: undefined })}>all</Link>
          {way.map((folder) => (
            <Link
              key={folder.prefix}
              class="mono"
              href={hrefOf({ prefix: folder.prefix })}
              aria-current={folder.prefix === prefix ? "true" : undefined}
            >
              <Text value={folder.label} max={100} />
            </Link>
          ))}
        </nav>
      )}
    </div>
  );
}
