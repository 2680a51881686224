import { useRef, useState } from "preact/hooks";
import { go, hrefOf } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { isConflict, putEntry } from "./entry.ts";

const TYPES = [
  ["text/plain; charset=utf-8", "text"],
  ["application/json", "JSON"],
] as const;

/** Puts an entry that is not there yet. @param prefix of those that are shown */
export function NewEntry({ prefix }: { prefix: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<unknown>();
  /** The key that somebody else has put already. */
  const [taken, setTaken] = useState<string>();
  const close = () => dialog.current?.close();
  const put = async (form: HTMLFormElement) => {
    const given = new FormData(form);
    const key = String(given.get("key"));
    const value = String(given.get("value"));
    setError(undefined);
    setTaken(undefined);
    try {
      const type = String(given.get("type"));
      if (type === "application/json") JSON.parse(value);
      await putEntry(key, value, type, null);
      form.reset();
      close();
      go({ key });
    } catch (problem) {
      if (isConflict(problem)) setTaken(key);
      else setError(problem);
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
            <input
              name="key"
              class="mono"
              required
              autocomplete="off"
              spellcheck={false}
              defaultValue={prefix}
            />
          </label>
          <label>
            Type
            <select name="type">
              {TYPES.map(([type, label]) => (
                <option key={type} value={type}>
                  {label}
                </option>
              ))}
            </select>
          </label>
          <label>
            Value
            <textarea name="value" class="mono" rows={6} spellcheck={false} />
          </label>
          {error !== undefined && <ProblemNotice error={error} />}
          {taken !== undefined && (
            <div class="notice notice-bad" role="alert">
              <strong>There is such a key already</strong>
              <p>
                <Link href={hrefOf({ key: taken })} onClick={close}>
                  Look at it
                </Link>
                , and change it there. What you wrote stays here.
              </p>
            </div>
          )}
          <div class="actions">
            <button type="submit" class="primary">
              Put
            </button>
            <button type="button" onClick={close}>
              Cancel
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
