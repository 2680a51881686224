import { about } from "../lib/about.ts";
import { liveProblem, liveState } from "../lib/live.ts";
import { hrefOf, type View, view } from "../lib/place.ts";
import { AppendFrame } from "../views/frame/append-frame.tsx";
import { Link } from "./link.tsx";
import { showShortcuts } from "./shortcut-list.tsx";
import { Text } from "./text.tsx";

const VIEWS: readonly (readonly [View, string])[] = [
  ["stream", "Stream"],
  ["processors", "Processors"],
  ["kv", "Keys"],
];

const STATES = {
  connecting: "connecting…",
  live: "live",
  away: "no connection, trying again…",
} as const;

/** The head of the page: which store, which view, and whether it is live. */
export function Head() {
  const state = liveState.value;
  return (
    <header class="head">
      <h1 class="head-store" title={about.value?.name}>
        <Text value={about.value?.name ?? "xs"} />
      </h1>
      <nav class="head-views" aria-label="Views">
        {VIEWS.map(([name, label]) => (
          <Link
            key={name}
            href={hrefOf({ view: name === "stream" ? undefined : name }, new URLSearchParams())}
            aria-current={view.value === name ? "page" : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      {about.value?.writes && <span class="tag tag-warn">may write</span>}
      {about.value?.writes && <AppendFrame />}
      <span
        class={`live live-${state}`}
        role="status"
        title={state === "away" ? liveProblem.value : ""}
      >
        {STATES[state]}
      </span>
      <button type="button" class="quiet" aria-label="Keys of the keyboard" onClick={showShortcuts}>
        ?
      </button>
    </header>
  );
}
