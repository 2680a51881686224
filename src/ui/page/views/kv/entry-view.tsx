import { RUNTIME_PREFIX } from "../../../../core/topic.ts";
import { about } from "../../lib/about.ts";
import { dayAndClock } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { BytesView } from "../../parts/bytes-view.tsx";
import { Fact } from "../../parts/fact.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { PaneHead } from "../../parts/pane-head.tsx";
import { Text } from "../../parts/text.tsx";
import { drafts } from "./drafts.ts";
import { EditEntry } from "./edit-entry.tsx";
import type { Value } from "./entry.ts";
import type { Entry } from "./listed.ts";
import { useValue } from "./use-value.ts";

interface EntryViewProps {
  /** The key. */
  readonly name: string;
  /** As the watch has it; undefined where it is gone, not there yet, or not among those that are watched. */
  readonly entry: Entry | undefined;
  readonly close: () => void;
}

/** One entry: its value, and who wrote it when. */
export function EntryView({ name, entry, close }: EntryViewProps) {
  const { value, error, again } = useValue(name, entry?.rev);
  const mayWrite = about.value?.writes === true && !name.startsWith(RUNTIME_PREFIX);
  const isGone = value === null;
  return (
    <aside class="frame" aria-label="Entry" tabIndex={-1}>
      <PaneHead title={name} closes="Close the entry" close={close} />
      <div class="frame-body">
        {error !== undefined && <ProblemNotice error={error} again={again} />}
        {value === undefined && error === undefined && <p class="dim">reading…</p>}
        {isGone && (
          <p class="notice notice-empty kv-gone" role="status">
            There is no such key, or it was deleted. If somebody puts it, it appears here.
          </p>
        )}
        {value && <Facts value={value} />}
        {value && <BytesView read={value} />}
        {value !== undefined && mayWrite && (value !== null || drafts.value.has(name)) && (
          <EditEntry key={name} name={name} value={value} again={again} close={close} />
        )}
      </div>
    </aside>
  );
}

function Facts({ value: { rev, by, type } }: { value: Value }) {
  return (
    <dl class="facts">
      <Fact name="written">
        {rev === "" ? "" : dayAndClock(timeOf(rev))}
        {by === undefined ? " by a client" : " by "}
        {by !== undefined && <Text value={by} />}
      </Fact>
      <Fact name="type" class="mono">
        <Text value={type} />
      </Fact>
      <Fact name="revision" class="mono">
        {rev}
      </Fact>
    </dl>
  );
}
