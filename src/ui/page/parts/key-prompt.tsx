import { useState } from "preact/hooks";
import { takeFocus } from "../lib/focus.ts";
import { keyProblem } from "../lib/key.ts";
import { redeem } from "../lib/session.ts";
import { Text } from "./text.tsx";

/** Asks for a link: the page has no key, or it ended. */
export function KeyPrompt() {
  const [given, setGiven] = useState("");
  return (
    <main class="prompt">
      <h1>This page needs a key</h1>
      <p>
        Press Enter in the terminal where <code>xs ui</code> runs, or start it again. Open the link
        that it prints, or paste it here. A link works once. The page of <code>xs serve --ui</code>{" "}
        also takes the text in the file <code>token</code> of the store.
      </p>
      {keyProblem.value && (
        <p class="notice notice-bad" role="alert">
          <Text value={keyProblem.value} />
        </p>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void redeem(given);
        }}
      >
        <label>
          Link
          <input
            ref={takeFocus}
            value={given}
            autocomplete="off"
            spellcheck={false}
            placeholder="http://127.0.0.1:…/#key=…"
            onInput={(event) => setGiven(event.currentTarget.value)}
          />
        </label>
        <button type="submit">Open</button>
      </form>
    </main>
  );
}
