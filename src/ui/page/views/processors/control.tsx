import { useState } from "preact/hooks";
import { askInspector } from "../../lib/ask.ts";
import { Asking } from "../../parts/asking.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";
import type { Processor } from "./processor.ts";
import type { Processors } from "./processors.ts";

type Action = "stop" | "start" | "restart";

const DOING = { stop: "Stopping…", start: "Starting…", restart: "Restarting…" } as const;
/** In these states there is nothing to stop. */
const ENDED = new Set(["stopped", "failed", "finished", "invalid", "terminated", "replaced"]);
/** The inspector waits for the runtime for a minute. */
const LONGEST_MS = 90_000;

interface ControlProps {
  readonly processor: Processor;
  readonly processors: Processors;
}

/** Stops, starts and restarts a processor, with the script that it has. */
export function Control({ processor, processors }: ControlProps) {
  const { kind, name, state } = processor;
  const [doing, setDoing] = useState<Action>();
  const [outcome, setOutcome] = useState<string>();
  const [error, setError] = useState<unknown>();
  const run = async (action: Action) => {
    setDoing(action);
    setOutcome(undefined);
    setError(undefined);
    try {
      setOutcome(await control({ kind, name, action }));
    } catch (problem) {
      setError(problem);
    }
    setDoing(undefined);
    processors.askSoon();
  };
  const act = (action: Action) => void run(action);
  const isBusy = doing !== undefined;
  return (
    <section class="control" aria-label="Control">
      <div class="actions">
        {ENDED.has(state) ? (
          <button type="button" disabled={isBusy} onClick={() => act("start")}>
            Start
          </button>
        ) : (
          <>
            <Asking
              label="Stop…"
              question={
                "Stop it? It rests, also after a restart of the server, until somebody starts it. " +
                "It goes on where it was then."
              }
              yes="Stop it"
              no="Let it run"
              isBusy={isBusy}
              act={() => act("stop")}
            />
            <button type="button" disabled={isBusy} onClick={() => act("restart")}>
              Restart
            </button>
          </>
        )}
      </div>
      <div role="status" class="control-said">
        {doing && <p class="dim">{DOING[doing]}</p>}
        {outcome !== undefined && (
          <p>
            <Text value={outcome} kept={"\n"} />
          </p>
        )}
      </div>
      {error !== undefined && <ProblemNotice error={error} />}
    </section>
  );
}

/** @returns what became of it, for the person. @throws Problem */
async function control(wanted: Pick<Processor, "kind" | "name"> & { action: Action }) {
  const response = await askInspector("/do/processor", {
    method: "POST",
    body: JSON.stringify(wanted),
    headers: { "content-type": "application/json" },
    signal: AbortSignal.timeout(LONGEST_MS),
  });
  const { text } = (await response.json()) as { text: string };
  return text;
}
