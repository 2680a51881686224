import { about } from "../lib/about.ts";
import { hrefOf, VIEWS, view } from "../lib/place.ts";
import { AppendFrame } from "../views/frame/append-frame.tsx";
import { Connection } from "./connection.tsx";
import { Link } from "./link.tsx";
import { showShortcuts } from "./shortcut-list.tsx";
import { Text } from "./text.tsx";

/** The head of the page: which store, which view, and whether it is live. */
export function Head() {
  return (
    <header class="head">
      <h1 class="head-store" title={about.value?.name}>
        <Text value={about.value?.name ?? "xs"} />
      </h1>
      <nav class="head-views" aria-label="Views">
        {Object.entries(VIEWS).map(
          ([name, label]) =>
            (name !== "nodes" || about.value?.nodes) && (
              <Link
                key={name}
                href={hrefOf({ view: name === "stream" ? undefined : name }, new URLSearchParams())}
                aria-current={view.value === name ? "page" : undefined}
              >
                {label}
              </Link>
            ),
        )}
      </nav>
      {about.value?.writes && <span class="tag tag-warn">may write</span>}
      {about.value?.writes && <AppendFrame />}
      <Connection />
      <button
        type="button"
        class="quiet"
        aria-label="Keyboard"
        title="Keyboard (?)"
        onClick={showShortcuts}
      >
        ?
      </button>
    </header>
  );
}
