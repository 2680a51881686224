import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { RUNTIME_PREFIX } from "../../../../core/topic.ts";
import { storeOption } from "../../lib/about.ts";
import { focusPane } from "../../lib/focus.ts";
import { count, dayAndClock, size } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { nearest } from "../../lib/nearest.ts";
import { go, hrefOf, place } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { ListRow } from "../../parts/list-row.tsx";
import { EmptyNotice, ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { VirtualRows } from "../../parts/virtual-rows.tsx";
import { drafts } from "./drafts.ts";
import { Entries } from "./entries.ts";
import { EntryView } from "./entry-view.tsx";
import { above, type Folder, inFolders, nameOf, type Row } from "./folders.ts";
import { KvTools } from "./kv-tools.tsx";
import type { Entry } from "./listed.ts";

/**
 * The keys of the store, and their values, live. In the address: `prefix`; `list`, which is `folders`; `runtime`, which is
 * `show` for the keys of the runtime too; `key`, the one that is open.
 */
export function KvView() {
  const prefix = place.value.get("prefix") ?? "";
  return <Keys key={prefix} prefix={prefix} />;
}

function Keys({ prefix }: { prefix: string }) {
  const entries = useMemo(() => new Entries(prefix), []);
  useEffect(() => () => entries.close(), []);
  const chosenKey = place.value.get("key");
  const isInFolders = place.value.get("list") === "folders";
  const showsRuntime = place.value.get("runtime") === "show" || prefix.startsWith(RUNTIME_PREFIX);
  const all = entries.shown.value;
  const error = entries.error.value;
  const shown = useMemo(
    () => (showsRuntime ? all : all.filter(({ key }) => !key.startsWith(RUNTIME_PREFIX))),
    [all, showsRuntime],
  );
  const rows = useMemo<readonly Row[]>(
    () => (isInFolders ? inFolders(shown, prefix) : shown),
    [shown, isInFolders],
  );
  /** The name of the row where the person is. */
  const here = useSignal(chosenKey ?? "");
  const at = rows.findIndex((row) => nameOf(row) === here.value);
  const open = (row: Row) => {
    here.value = nameOf(row);
    if ("key" in row) go({ key: row.key });
    else go({ prefix: row.prefix, key: undefined });
  };
  const close = () => {
    go({ key: undefined });
    setTimeout(() => document.querySelector<HTMLElement>(".kv-keys .rows")?.focus());
  };
  useEffect(() => {
    if (chosenKey !== null) here.value = chosenKey;
  }, [chosenKey]);
  /** A key may come before the page shows what the one before it did. */
  const now = useRef({ rows, open, close });
  now.current = { rows, open, close };
  useEffect(() => {
    const placeOf = () => now.current.rows.findIndex((row) => nameOf(row) === here.peek());
    const to = (next: number) => {
      const row = nearest(now.current.rows, next);
      if (!row) return;
      here.value = nameOf(row);
      // Where an entry is open, the next one opens.
      if ("key" in row && place.peek().get("key") !== null) go({ key: row.key }, "replace");
    };
    const openHere = () => {
      const row = now.current.rows[placeOf()];
      const isOpen = row !== undefined && nameOf(row) === place.peek().get("key");
      // Where it is open already, Enter goes to what is beside the list.
      if (row && !isOpen) now.current.open(row);
      else focusPane();
    };
    return addShortcuts([
      { keys: ["ArrowDown", "j"], does: "the next key", run: () => to(placeOf() + 1) },
      { keys: ["ArrowUp", "k"], does: "the key before", run: () => to(placeOf() - 1) },
      { keys: ["PageDown"], does: "20 keys on", run: () => to(placeOf() + 20) },
      { keys: ["PageUp"], does: "20 keys back", run: () => to(placeOf() - 20) },
      { keys: ["Home"], does: "the first key", run: () => to(0) },
      { keys: ["End"], does: "the last key", run: () => to(now.current.rows.length - 1) },
      {
        keys: ["Backspace"],
        does: "the folder above",
        run: () => go({ prefix: above(prefix), key: undefined }),
      },
      { keys: ["/"], does: "give a prefix", run: () => field()?.select() },
      {
        keys: ["Escape"],
        does: "close the entry",
        run: () => place.peek().get("key") !== null && now.current.close(),
      },
      { keys: ["Enter"], does: "open the key or the folder", run: () => openHere() },
    ]);
  }, []);
  return (
    <div class={`split ${chosenKey === null ? "" : "has-pane"}`}>
      <section class="kv-keys" aria-label="Keys">
        <KvTools
          prefix={prefix}
          isInFolders={isInFolders}
          showsRuntime={showsRuntime}
          entries={error === undefined ? shown.length : undefined}
          isCut={entries.isCut.value}
        />
        {error !== undefined && <ProblemNotice error={error} />}
        {shown.length === 0 && error === undefined && !entries.isLoading.value ? (
          <NoKeys prefix={prefix} hidden={all.length} />
        ) : (
          <VirtualRows
            label="Keys"
            count={rows.length}
            chosen={at}
            chosenId={at < 0 ? undefined : `entry-${at}`}
            isBusy={entries.isLoading.value}
            row={(n) => {
              const row = rows[n];
              if (!row) return undefined;
              const props = { id: `entry-${n}`, isHere: n === at, open: () => open(row) };
              return "key" in row ? (
                <EntryRow key={row.key} {...props} entry={row} prefix={isInFolders ? prefix : ""} />
              ) : (
                <FolderRow key={row.prefix} {...props} folder={row} prefix={prefix} />
              );
            }}
          />
        )}
      </section>
      {chosenKey !== null && (
        <EntryView
          key={chosenKey}
          name={chosenKey}
          entry={all.find(({ key }) => key === chosenKey)}
          close={close}
        />
      )}
    </div>
  );
}

/** Says how a store comes to have keys. @param hidden how many of the runtime there are */
function NoKeys({ prefix, hidden }: { prefix: string; hidden: number }) {
  return (
    <EmptyNotice title={prefix === "" ? "No keys" : "No keys begin with this"}>
      <p>
        Put one in a terminal: <code>{`xs kv put ${storeOption()} views/count 3`}</code>. It appears
        here at once.
      </p>
      {hidden > 0 && (
        <p>
          The runtime has {count(hidden)} of its own:{" "}
          <Link href={hrefOf({ runtime: "show" })}>show them</Link>
        </p>
      )}
    </EmptyNotice>
  );
}

interface RowProps {
  readonly id: string;
  readonly isHere: boolean;
  readonly open: () => void;
  /** What all keys of the list begin with, and their rows leave out. */
  readonly prefix: string;
}

function EntryRow({ id, isHere, open, prefix, entry }: RowProps & { entry: Entry }) {
  const isOfRuntime = entry.key.startsWith(RUNTIME_PREFIX);
  return (
    <ListRow id={id} class="row-entry" isChosen={isHere} onClick={open}>
      <span class={isOfRuntime ? "row-topic row-runtime" : "row-topic"} title={entry.key}>
        <Text value={entry.key.slice(prefix.length)} max={512} />
        {drafts.value.has(entry.key) && <span class="tag tag-warn kv-draft">draft</span>}
      </span>
      <span class="row-text dim">
        <Text value={entry.type} max={255} />
      </span>
      <span class="row-text dim">
        {entry.by !== undefined && <Text value={`by ${entry.by}`} />}
      </span>
      <time class="row-time">{dayAndClock(timeOf(entry.rev)).slice(0, 19)}</time>
      <span class="row-size">{size(entry.size)}</span>
    </ListRow>
  );
}

function FolderRow({ id, isHere, open, prefix, folder }: RowProps & { folder: Folder }) {
  return (
    <ListRow id={id} class="row-entry" isChosen={isHere} onClick={open}>
      <span class="row-topic kv-folder" title={folder.prefix}>
        <Text value={folder.prefix.slice(prefix.length)} max={512} />
      </span>
      <span class="row-text dim">{count(folder.entries)} keys</span>
      <span class="row-text" />
      <time class="row-time">{dayAndClock(timeOf(folder.rev)).slice(0, 19)}</time>
      <span class="row-size">{size(folder.size)}</span>
    </ListRow>
  );
}

function field(): HTMLInputElement | null {
  return document.querySelector<HTMLInputElement>(".kv-keys input[name=prefix]");
}
