import { useState } from "preact/hooks";
import { about } from "../../lib/about.ts";
import { ask } from "../../lib/ask.ts";
import { dayAndClock } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { go } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { BytesView, type Read } from "../../parts/bytes-view.tsx";
import { textIn } from "../../parts/content-kind.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import { deleteEntry, type Entry, entryPath, putEntry } from "./entries.ts";

interface Value extends Read {
  readonly type: string;
}

/**
 * One entry: its value, and who wrote it when.
 *
 * @param name the key
 * @param entry as the watch has it; undefined where it is gone, or not there yet
 */
export function EntryView({ name, entry }: { name: string; entry: Entry | undefined }) {
  const { value, error } = useAsk<Value>((signal) => read(name, signal), [name, entry?.rev]);
  return (
    <aside class="frame" aria-label="Entry">
      <header class="frame-head">
        <h2>
          <Text value={name} />
        </h2>
        <button
          type="button"
          class="quiet"
          aria-label="Close the entry"
          onClick={() => go({ key: undefined })}
        >
          ×
        </button>
      </header>
      <div class="frame-body">
        {error !== undefined && <ProblemNotice error={error} />}
        {entry && (
          <dl class="facts">
            <dt>written</dt>
            <dd>{dayAndClock(timeOf(entry.rev))}</dd>
            <dt>by</dt>
            <dd>{entry.by === undefined ? "a client" : <Text value={entry.by} />}</dd>
            <dt>type</dt>
            <dd class="mono">
              <Text value={entry.type} />
            </dd>
            <dt>revision</dt>
            <dd class="mono">{entry.rev}</dd>
          </dl>
        )}
        {value && <BytesView read={value} />}
        {value && entry && about.value?.writes && (
          <EditEntry key={entry.rev} entry={entry} value={value} />
        )}
      </div>
    </aside>
  );
}

/** Changes an entry, on the condition that nobody else did meanwhile. */
function EditEntry({ entry, value }: { entry: Entry; value: Value }) {
  const before = textIn(value.bytes, false);
  const [given, setGiven] = useState<string>();
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = (act: () => Promise<void>) => {
    setError(undefined);
    act().catch(setError);
  };
  if (entry.key.startsWith("stream.cross.")) return null;
  return (
    <section class="edit">
      {error !== undefined && <ProblemNotice error={error} />}
      {given !== undefined && (
        <textarea
          class="mono"
          aria-label="The new value"
          rows={6}
          value={given}
          onInput={(event) => setGiven(event.currentTarget.value)}
        />
      )}
      <div class="actions">
        {given === undefined ? (
          before !== undefined && (
            <button type="button" onClick={() => setGiven(before)}>
              Edit
            </button>
          )
        ) : (
          <>
            <button
              type="button"
              class="primary"
              onClick={() => run(() => putEntry(entry.key, given, entry.type, entry.rev))}
            >
              Put
            </button>
            <button type="button" onClick={() => setGiven(undefined)}>
              Cancel
            </button>
          </>
        )}
        {isAsking ? (
          <>
            <button type="button" class="danger" onClick={() => run(() => deleteEntry(entry))}>
              Delete it
            </button>
            <button type="button" onClick={() => setAsking(false)}>
              Keep it
            </button>
          </>
        ) : (
          <button type="button" onClick={() => setAsking(true)}>
            Delete…
          </button>
        )}
      </div>
    </section>
  );
}

async function read(key: string, signal: AbortSignal): Promise<Value> {
  const response = await ask(entryPath(key), { signal });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { bytes, size: bytes.length, type: response.headers.get("content-type") ?? "" };
}
