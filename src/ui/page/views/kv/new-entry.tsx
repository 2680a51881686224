import { useRef, useState } from "preact/hooks";
import { go } from "../../lib/place.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { putEntry } from "./entries.ts";

/** Puts an entry that is not there yet. */
export function NewEntry() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<unknown>();
  const put = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    const key = String(given.get("key"));
    setError(undefined);
    try {
      await putEntry(key, String(given.get("value")), "text/plain; charset=utf-8", null);
      form.reset();
      dialog.current?.close();
      go({ key });
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>
        New…
      </button>
      <dialog ref={dialog} class="dialog" aria-labelledby="new-entry-title">
        <h2 id="new-entry-title">New entry</h2>
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            void put(event.currentTarget);
          }}
        >
          <label>
            Key
            <input name="key" class="mono" required autocomplete="off" spellcheck={false} />
          </label>
          <label>
            Value
            <textarea name="value" class="mono" rows={5} />
          </label>
          {error !== undefined && <ProblemNotice error={error} />}
          <div class="actions">
            <button type="submit" class="primary">
              Put
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
