import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { clock, dayAndClock, plural, size } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { ScrollBox } from "../../parts/scroll-box.tsx";
import { Text } from "../../parts/text.tsx";
import { Log } from "./log.ts";
import { hrefOfFrame } from "./places.ts";
import type { Processor } from "./processor.ts";
import type { Processors } from "./processors.ts";

/** What a processor wrote on stderr, its failures, and what became of it: the newest at the end, as it comes. */
export function ProcessorLog({
  processors,
  processor,
}: {
  processors: Processors;
  processor: Processor;
}) {
  const log = useMemo(() => new Log(processors, processor), []);
  useEffect(() => {
    void log.begin();
    return () => log.close();
  }, []);
  const list = useRef<HTMLElement>(null);
  const [sticks, setSticks] = useState(true);
  log.isAtEnd = sticks;
  const lines = log.shown.value;
  const first = lines?.[0]?.id;
  const before = useRef({ first, height: 0 });
  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    if (sticks) element.scrollTop = element.scrollHeight;
    // Older lines came before those that are visible.
    else if (first !== before.current.first) {
      element.scrollTop += element.scrollHeight - before.current.height;
    }
    before.current = { first, height: element.scrollHeight };
  }, [lines]);
  const toEnd = () => {
    setSticks(true);
    list.current?.scrollTo({ top: list.current.scrollHeight });
  };
  return (
    <>
      {log.error.value !== undefined && (
        <ProblemNotice error={log.error.value} again={() => void log.more()} />
      )}
      {lines === undefined && log.error.value === undefined && <p class="dim">reading…</p>}
      {lines?.length === 0 && !log.hasMore.value && (
        <p class="dim">Nothing so far: what it writes on stderr appears here.</p>
      )}
      {lines && (lines.length > 0 || log.hasMore.value) && (
        <div class="log-frame">
          <ScrollBox
            box={list}
            class="log"
            label="Log"
            onScroll={({ scrollTop, clientHeight, scrollHeight }) =>
              setSticks(scrollTop + clientHeight >= scrollHeight - 20)
            }
          >
            {log.hasMore.value && (
              <button
                type="button"
                class="log-more"
                disabled={log.isLoading.value}
                onClick={() => void log.more()}
              >
                {log.isLoading.value ? "reading…" : "Older lines"}
              </button>
            )}
            {lines.map((frame, at) => lineOf(frame, lines[at - 1]))}
          </ScrollBox>
          {!sticks && (
            <button type="button" class="log-end" onClick={toEnd}>
              To the newest line
            </button>
          )}
        </div>
      )}
    </>
  );
}

const BAD = new Set(["failed", "invalid", "restarting", "error"]);

/** What stands for a frame: of many lines, only those that came are made when more come. */
const made = new WeakMap<Frame, { readonly before: Frame | undefined; readonly line: VNode }>();

function lineOf(frame: Frame, before: Frame | undefined): VNode {
  const known = made.get(frame);
  if (known && known.before === before) return known.line;
  const line = <Line key={frame.id} frame={frame} before={before} />;
  made.set(frame, { before, line });
  return line;
}

function Line({ frame, before }: { frame: Frame; before: Frame | undefined }) {
  const ms = timeOf(frame.id);
  const shown = dayAndClock(ms);
  const isNewDay = !before || dayAndClock(timeOf(before.id)).slice(0, 10) !== shown.slice(0, 10);
  return (
    <>
      {isNewDay && <div class="log-day">{shown.slice(0, 10)}</div>}
      <div class="log-line">
        <time class="dim" title={shown}>
          {clock(ms).slice(0, 8)}
        </time>
        {frame.topic.endsWith(".stderr") ? <Stderr frame={frame} /> : <Event frame={frame} />}
      </div>
    </>
  );
}

function Stderr({ frame }: { frame: Frame }) {
  const { content, content_size } = frame as Frame & { content_size?: number };
  if (content !== undefined) return <Text value={content.replace(/\r?\n$/, "")} max={2000} />;
  const what = content_size === undefined ? "bytes that are no text" : size(content_size);
  return <Link href={hrefOfFrame(frame.id)}>{what}</Link>;
}

function Event({ frame }: { frame: Frame }) {
  const word = frame.topic.split(".").at(-1) ?? "";
  const meta = Object(frame.meta) as Record<string, unknown>;
  const { reason, frame_id, failures, delay_ms, exit, signal } = meta;
  return (
    <span>
      <strong class={BAD.has(word) ? "log-bad" : undefined}>{word}</strong>
      {typeof reason === "string" && (
        <>
          {" "}
          <Text value={reason} max={2000} kept={"\n\t"} />
        </>
      )}
      {typeof reason !== "string" && typeof exit === "number" && <span> code {exit}</span>}
      {typeof reason !== "string" && typeof signal === "string" && (
        <span>
          {" "}
          <Text value={signal} max={40} />
        </span>
      )}
      {typeof delay_ms === "number" && (
        <span class="dim"> again after {Math.round(delay_ms / 1000)} s</span>
      )}
      {typeof failures === "number" && <span class="dim"> {plural(failures, "attempt")}</span>}
      {typeof frame_id === "string" && (
        <>
          {" "}
          <Link href={hrefOfFrame(frame_id)}>its frame</Link>
        </>
      )}
    </span>
  );
}
