import { useEffect, useMemo } from "preact/hooks";
import { about } from "../../lib/about.ts";
import { count, dayAndClock, size } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, place } from "../../lib/place.ts";
import { EmptyNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { Entries, type Entry, MAX_ENTRIES } from "./entries.ts";
import { EntryView } from "./entry-view.tsx";
import { NewEntry } from "./new-entry.tsx";

/** The keys of the store, and their values, live. In the address: `prefix` and `key`, the chosen one. */
export function KvView() {
  const prefix = place.value.get("prefix") ?? "";
  return <Keys key={prefix} prefix={prefix} />;
}

function Keys({ prefix }: { prefix: string }) {
  const entries = useMemo(() => new Entries(prefix), []);
  useEffect(() => () => entries.close(), []);
  const shown = entries.shown.value;
  const chosenKey = place.value.get("key");
  const chosen = shown.findIndex(({ key }) => key === chosenKey);
  const step = (by: number) => {
    const now = entries.shown.peek();
    const at = now.findIndex(({ key }) => key === place.peek().get("key"));
    const entry = now[at < 0 ? 0 : Math.min(Math.max(at + by, 0), now.length - 1)];
    if (entry) go({ key: entry.key }, at < 0 ? "push" : "replace");
  };
  useEffect(
    () =>
      addShortcuts([
        { keys: ["ArrowDown", "j"], does: "the next key", run: () => step(1) },
        { keys: ["ArrowUp", "k"], does: "the key before", run: () => step(-1) },
        { keys: ["Escape"], does: "close the entry", run: () => go({ key: undefined }) },
      ]),
    [],
  );
  return (
    <div class={`kv-page ${chosenKey === null ? "" : "has-entry"}`}>
      <section class="kv-keys" aria-label="Keys">
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
                defaultValue={prefix}
                autocomplete="off"
                spellcheck={false}
              />
            </label>
          </form>
          <span class="dim">
            {entries.isCut.value ? `the first ${count(MAX_ENTRIES)}` : count(shown.length)}
          </span>
          {about.value?.writes && <NewEntry />}
        </div>
        {shown.length === 0 && !entries.isLoading.value ? (
          <EmptyNotice title="No keys">
            <p>
              Put one in a terminal: <code>xs kv put views/count 3</code>. It appears here at once.
            </p>
          </EmptyNotice>
        ) : (
          <VirtualRows
            label="Keys"
            count={shown.length}
            chosen={chosen}
            chosenId={`entry-${chosen}`}
            isBusy={entries.isLoading.value}
            row={(at) => {
              const entry = shown[at];
              return (
                entry && <EntryRow key={entry.key} at={at} entry={entry} isChosen={at === chosen} />
              );
            }}
          />
        )}
      </section>
      {chosenKey !== null && <EntryView key={chosenKey} name={chosenKey} entry={shown[chosen]} />}
    </div>
  );
}

function EntryRow({ at, entry, isChosen }: { at: number; entry: Entry; isChosen: boolean }) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the list has the focus, and the keys
    <div
      id={`entry-${at}`}
      class="row row-entry"
      role="option"
      tabIndex={-1}
      aria-selected={isChosen}
      onClick={() => go({ key: entry.key })}
    >
      <span class="row-topic">
        <Text value={entry.key} max={512} />
      </span>
      <span class="row-text dim">
        <Text value={entry.type} max={255} />
      </span>
      <span class="row-text dim">
        {entry.by !== undefined && <Text value={`by ${entry.by}`} />}
      </span>
      <time class="row-time">{dayAndClock(timeOf(entry.rev))}</time>
      <span class="row-size">{size(entry.size)}</span>
    </div>
  );
}
