import { ask } from "../../lib/ask.ts";
import { clock, dayAndClock } from "../../lib/format.ts";
import { type Frame, timeOf } from "../../lib/frame.ts";
import { jsonLines } from "../../lib/lines.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import type { Processor } from "./processor.ts";

/** How many lines are shown, the newest. */
const LINES = 100;

/** What a processor wrote on stderr, its failures, and what became of it. */
export function ProcessorLog({ processor }: { processor: Processor }) {
  const { name, kind, state, uptime_ms } = processor;
  const { value, error } = useAsk(
    (signal) => logOf(name, kind, signal),
    // It is read again while the processor runs.
    [name, kind, state, uptime_ms],
  );
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (!value) return <p class="dim">reading…</p>;
  if (value.length === 0) return <p class="dim">Nothing so far.</p>;
  return (
    <ol class="log" aria-label="Log">
      {value.map((frame) => (
        <li key={frame.id}>
          <time class="dim" title={dayAndClock(timeOf(frame.id))}>
            {clock(timeOf(frame.id)).slice(0, 8)}
          </time>
          <Line frame={frame} />
        </li>
      ))}
    </ol>
  );
}

function Line({ frame }: { frame: Frame }) {
  if (frame.topic.endsWith(".stderr")) {
    return <Text value={(frame.content ?? "(bytes)").replace(/\r?\n$/, "")} max={2000} />;
  }
  const word = frame.topic.split(".").at(-1) ?? "";
  const { reason } = Object(frame.meta) as { reason?: unknown };
  return (
    <span>
      <strong>{word}</strong> {typeof reason === "string" && <Text value={reason} max={2000} />}
    </span>
  );
}

async function logOf(name: string, kind: Processor["kind"], signal: AbortSignal): Promise<Frame[]> {
  const lifecycle = `stream.cross.${kind}.*,!stream.cross.${kind}.spawn`;
  const read = async (topic: string) => {
    const query = new URLSearchParams({
      topic,
      order: "desc",
      limit: `${LINES}`,
      content: "inline",
    });
    return jsonLines<Frame>(await ask(`/?${query}`, { signal }));
  };
  const [own, runtime] = await Promise.all([read(`${name}.stderr,${name}.error`), read(lifecycle)]);
  const mine = runtime.filter(({ meta }) => Object(meta).topic === name);
  return [...own, ...mine].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(-LINES);
}
