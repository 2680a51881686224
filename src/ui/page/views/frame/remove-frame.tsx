import { ask } from "../../lib/ask.ts";
import { useAction } from "../../lib/use-action.ts";
import { Asking } from "../../parts/asking.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";

/** Removes a frame, after asking. @param removed is called once it is gone */
export function RemoveFrame({ id, removed }: { id: string; removed: () => void }) {
  const { isBusy, error, run } = useAction();
  const remove = () =>
    run(async () => {
      await ask(`/${id}`, { method: "DELETE", signal: AbortSignal.timeout(30_000) });
      removed();
    });
  return (
    <div>
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
