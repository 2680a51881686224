import { useState } from "preact/hooks";
import { takeFocus } from "../../lib/focus.ts";
import { useAction } from "../../lib/use-action.ts";
import { Asking } from "../../parts/asking.tsx";
import { textIn } from "../../parts/content-kind.ts";
import { isJson } from "../../parts/json-nodes.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { type Draft, drafts, keepDraft } from "./drafts.ts";
import { deleteEntry, isConflict, putEntry, type Value } from "./entry.ts";

interface EditEntryProps {
  readonly name: string;
  /** As it is now; null where somebody deleted it while the person wrote. */
  readonly value: Value | null;
  /** Reads the value again. */
  readonly again: () => void;
  readonly close: () => void;
}

/** Changes an entry, on the condition that nobody else did meanwhile. */
export function EditEntry({ name, value, again, close }: EditEntryProps) {
  const draft = drafts.value.get(name);
  const { isBusy, error, run } = useAction();
  const [said, setSaid] = useState("");
  const change = async (act: () => Promise<void>, done: string): Promise<boolean> => {
    setSaid("");
    const isDone = await run(act);
    if (isDone) setSaid(done);
    // What somebody else wrote shows at once.
    else again();
    return isDone;
  };
  const put = async ({ text, type }: Draft, rev: string | null) => {
    const isDone = await change(() => putEntry(name, text, type, rev), "It is put.");
    if (isDone) keepDraft(name, undefined);
  };
  const remove = async (rev: string) => {
    const isDone = await change(() => deleteEntry(name, rev), "It is deleted.");
    if (isDone) close();
  };
  return (
    <section class="edit" aria-label="Change it">
      {draft ? (
        <EditDraft
          name={name}
          draft={draft}
          value={value}
          isBusy={isBusy}
          put={(rev) => void put(draft, rev)}
        />
      ) : (
        value && (
          <Begin name={name} value={value} isBusy={isBusy} remove={(rev) => void remove(rev)} />
        )
      )}
      {error !== undefined && !(draft && isConflict(error)) && (
        <ProblemNotice error={isConflict(error) ? conflict() : error} />
      )}
      <p role="status" class="dim edit-said">
        {said}
      </p>
    </section>
  );
}

function conflict(): Error {
  return new Error("Somebody changed it meanwhile, so nothing was deleted: look at it first.");
}

interface EditDraftProps {
  readonly name: string;
  readonly draft: Draft;
  readonly value: Value | null;
  readonly isBusy: boolean;
  /** Puts the draft, if the entry still has a revision; null if there is none. */
  readonly put: (rev: string | null) => void;
}

/** A draft, and what somebody else wrote meanwhile. */
function EditDraft({ name, draft, value, isBusy, put }: EditDraftProps) {
  const now = value?.rev ?? null;
  const isChanged = now !== draft.rev;
  const isBroken = /^application\/(.*\+)?json\b/i.test(draft.type) && !isJson(draft.text);
  const forget = () => keepDraft(name, undefined);
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        if (!isChanged) put(draft.rev);
      }}
    >
      {isChanged && (
        <div class="notice notice-bad" role="alert">
          <strong>
            {value ? "Somebody changed it meanwhile" : "Somebody deleted it meanwhile"}
          </strong>
          <p>
            {value
              ? "Above is the new value, below is yours, which is not put."
              : "Below is your value, which is not put."}
          </p>
          <div class="actions">
            <button type="button" class="danger" disabled={isBusy} onClick={() => put(now)}>
              {value ? "Put mine over it" : "Put it again"}
            </button>
            <button type="button" onClick={forget}>
              {value ? "Take theirs" : "Let it be"}
            </button>
          </div>
        </div>
      )}
      <label>
        The new value
        <textarea
          ref={takeFocus}
          class="mono"
          rows={Math.min(20, Math.max(4, draft.text.split("\n").length + 1))}
          spellcheck={false}
          value={draft.text}
          onInput={(event) => keepDraft(name, { ...draft, text: event.currentTarget.value })}
        />
      </label>
      {isBroken && <p class="edit-warn">This is no JSON, and the type of the entry says JSON.</p>}
      {!isChanged && (
        <div class="actions">
          <button type="submit" class="primary" disabled={isBusy}>
            Put
          </button>
          <button type="button" onClick={forget}>
            Cancel
          </button>
        </div>
      )}
    </form>
  );
}

interface BeginProps {
  readonly name: string;
  readonly value: Value;
  readonly isBusy: boolean;
  readonly remove: (rev: string) => void;
}

/** Begins a change, or asks whether to delete what the person has seen. */
function Begin({ name, value, isBusy, remove }: BeginProps) {
  const { rev, type } = value;
  const text = textIn(value.bytes, false);
  return (
    <div class="actions">
      {text !== undefined && (
        <button type="button" onClick={() => keepDraft(name, { text, rev, type })}>
          Edit
        </button>
      )}
      <Asking
        label="Delete…"
        question="Delete it? Its value is gone then. Frames about it stay."
        yes="Delete it"
        no="Keep it"
        isBusy={isBusy}
        act={() => remove(rev)}
      />
    </div>
  );
}
