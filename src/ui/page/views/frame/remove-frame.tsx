import { useState } from "preact/hooks";
import { ask } from "../../lib/ask.ts";
import { takeFocus } from "../../lib/focus.ts";
import { ProblemNotice } from "../../parts/notice.tsx";

/** Removes a frame, after asking. @param removed is called once it is gone */
export function RemoveFrame({ id, removed }: { id: string; removed: () => void }) {
  const [isAsking, setAsking] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const remove = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await ask(`/${id}`, { method: "DELETE", signal: AbortSignal.timeout(30_000) });
      removed();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <div class="remove">
      {error !== undefined && <ProblemNotice error={error} />}
      {isAsking ? (
        <div class="actions">
          <span>Remove this frame for good? Nothing brings it back.</span>
          <button type="button" class="danger" disabled={isBusy} onClick={() => void remove()}>
            Remove it
          </button>
          {/* The answer that loses nothing has the focus. */}
          <button type="button" ref={takeFocus} onClick={() => setAsking(false)}>
            Keep it
          </button>
        </div>
      ) : (
        <button type="button" onClick={() => setAsking(true)}>
          Remove…
        </button>
      )}
    </div>
  );
}
