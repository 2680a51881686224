import { useState } from "preact/hooks";
import { ask } from "../../lib/ask.ts";
import { Asking } from "../../parts/asking.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";

/** Removes a frame, after asking. @param removed is called once it is gone */
export function RemoveFrame({ id, removed }: { id: string; removed: () => void }) {
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
      <Asking
        label="Remove…"
        question="Remove this frame for good? Nothing brings it back."
        yes="Remove it"
        no="Keep it"
        isBusy={isBusy}
        act={() => void remove()}
      />
    </div>
  );
}
