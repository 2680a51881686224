import { useEffect, useState } from "preact/hooks";
import { liveProblem, liveState } from "../lib/live.ts";

const STATES = {
  connecting: "connecting…",
  live: "live",
  away: "no connection, trying again…",
  full: "not live: close another tab",
} as const;

/** Whether the page is live. A loss is said aloud, and its end; what a person does themselves is not. */
export function Connection() {
  const state = liveState.value;
  const [said, say] = useState("");
  useEffect(() => {
    if (state === "away") say("connection lost, trying again");
    else if (state === "live") say((before) => before && "connected again");
  }, [state]);
  return (
    <>
      <span class={`live live-${state}`} title={state === "live" ? undefined : liveProblem.value}>
        {STATES[state as keyof typeof STATES] ?? "not live"}
      </span>
      <span class="unseen" role="status">
        {said}
      </span>
    </>
  );
}
