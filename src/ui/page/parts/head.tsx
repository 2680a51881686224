import { about } from "../lib/about.ts";
import { hrefOf, type View, view } from "../lib/place.ts";
import { AppendFrame } from "../views/frame/append-frame.tsx";
import { Connection } from "./connection.tsx";
import { Link } from "./link.tsx";
import { showShortcuts } from "./shortcut-list.tsx";
import { Text } from "./text.tsx";

const VIEWS: readonly (readonly [View, string])[] = [
  ["stream", "Stream"],
  ["processors", "Processors"],
  ["kv", "Keys"],
];

/** The head of the page: which store, which view, and whether it is live. */
export function Head() {
  return (
    <header class="head">
      <StoreName name={about.value?.name ?? "xs"} />
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

/** The address of a store. Where there is little room its end stays visible: the name is there. */
function StoreName({ name }: { name: string }) {
  const at = name.replace(/\/$/, "").lastIndexOf("/") + 1;
  return (
    <h1 class="head-store" title={name}>
      <span class="head-folder">
        <Text value={name.slice(0, at)} />
      </span>
      <span>
        <Text value={name.slice(at)} />
      </span>
    </h1>
  );
}
