import { useEffect, useLayoutEffect } from "preact/hooks";
import { about, askAbout } from "../lib/about.ts";
import { focusPane, focusView } from "../lib/focus.ts";
import { key } from "../lib/key.ts";
import { addShortcuts } from "../lib/keyboard.ts";
import { go, VIEWS, view } from "../lib/place.ts";
import { KvView } from "../views/kv/kv-view.tsx";
import { NodesView } from "../views/nodes/nodes-view.tsx";
import { ProcessorsView } from "../views/processors/processors-view.tsx";
import { StreamView } from "../views/stream/stream-view.tsx";
import { Head } from "./head.tsx";
import { KeyPrompt } from "./key-prompt.tsx";
import { ShortcutList, showShortcuts } from "./shortcut-list.tsx";

const SHOWN = { stream: StreamView, processors: ProcessorsView, kv: KvView, nodes: NodesView };

/** The whole page: it asks for a key, or shows the view that the address names. */
export function Page() {
  // Before the effects of the view, whose keys come first.
  useLayoutEffect(
    () =>
      addShortcuts([
        { keys: ["Enter"], does: "go to what is open beside the list", run: focusPane },
        { keys: ["?"], does: "show these keys", run: showShortcuts },
        { keys: ["1"], does: "go to the stream", run: () => go({ view: undefined }) },
        { keys: ["2"], does: "go to the processors", run: () => go({ view: "processors" }) },
        { keys: ["3"], does: "go to the keys and values", run: () => go({ view: "kv" }) },
      ]),
    [],
  );
  const isAdmitted = key.value !== undefined;
  useEffect(() => {
    if (isAdmitted) void askAbout();
  }, [isAdmitted]);
  useEffect(() => {
    const name = about.value ? `${about.value.name} – xs` : "xs";
    document.title = isAdmitted ? `${VIEWS[view.value]} – ${name}` : name;
  }, [about.value, view.value, isAdmitted]);
  if (!isAdmitted) return <KeyPrompt />;
  const View = SHOWN[view.value];
  return (
    <div class="page">
      <button type="button" class="skip" onClick={focusView}>
        Skip to the list
      </button>
      <Head />
      <main id="view" tabIndex={-1}>
        <View />
      </main>
      <ShortcutList />
    </div>
  );
}
