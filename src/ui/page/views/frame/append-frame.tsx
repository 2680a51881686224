import { useEffect, useRef, useState } from "preact/hooks";
import { concernsRuntime, topicProblem } from "../../../../core/topic.ts";
import { ask, messageOf, Problem } from "../../lib/ask.ts";
import { base64Of } from "../../lib/base64.ts";
import type { Frame } from "../../lib/frame.ts";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, place } from "../../lib/place.ts";
import { useAction } from "../../lib/use-action.ts";
import { ProblemNotice } from "../../parts/notice.tsx";
import { Text } from "../../parts/text.tsx";

/** What the person wants to append. */
interface Draft {
  readonly topic: string;
  readonly content: string;
  /** JSON, or nothing. */
  readonly meta: string;
}

const EMPTY: Draft = { topic: "", content: "", meta: "" };

/** Appends a frame: a button that opens a form. */
export function AppendFrame() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [draft, setDraft] = useState(EMPTY);
  const { isBusy, error, run } = useAction();
  /** The key of this append: the same text is appended once, however often the person presses the button. */
  const key = useRef({ of: EMPTY, key: "" });
  const open = () => {
    // The topic that is chosen, unless it is a pattern.
    const chosen = place.peek().get("topic") ?? "";
    if (draft.topic === "" && topicProblem(chosen) === undefined && !concernsRuntime(chosen)) {
      setDraft({ ...draft, topic: chosen });
    }
    dialog.current?.showModal();
  };
  useEffect(
    () => addShortcuts([{ keys: ["a"], does: "append a frame", run: open }]),
    [draft.topic],
  );
  const topicError = draft.topic === "" ? undefined : problemOfTopic(draft.topic);
  const metaError = problemOfMeta(draft.meta);
  const change = (changes: Partial<Draft>) => setDraft({ ...draft, ...changes });
  const isWrong = topicError !== undefined || metaError !== undefined;
  const append = async () => {
    if (key.current.of !== draft) key.current = { of: draft, key: crypto.randomUUID() };
    const { id } = await post(draft, key.current.key);
    setDraft({ ...EMPTY, topic: draft.topic });
    dialog.current?.close();
    go({ view: undefined, frame: id });
  };
  return (
    <>
      <button type="button" onClick={open}>
        Append…
      </button>
      <dialog ref={dialog} class="dialog append" aria-labelledby="append-title">
        <h2 id="append-title">Append a frame</h2>
        <form
          class="form"
          onSubmit={(event) => {
            event.preventDefault();
            if (!isBusy && !isWrong) void run(append);
          }}
        >
          <label>
            Topic
            <input
              class="mono"
              required
              autocomplete="off"
              spellcheck={false}
              placeholder="note"
              value={draft.topic}
              aria-invalid={topicError !== undefined}
              aria-describedby="append-topic-error"
              onInput={({ currentTarget: { value } }) => change({ topic: value })}
            />
          </label>
          <FieldError id="append-topic-error" text={topicError} />
          <label>
            Content
            <textarea
              class="mono"
              rows={5}
              spellcheck={false}
              value={draft.content}
              onInput={({ currentTarget: { value } }) => change({ content: value })}
            />
          </label>
          <label>
            Meta, as JSON
            <textarea
              class="mono"
              rows={3}
              spellcheck={false}
              placeholder='{"room":"kitchen"}'
              value={draft.meta}
              aria-invalid={metaError !== undefined}
              aria-describedby="append-meta-error"
              onInput={({ currentTarget: { value } }) => change({ meta: value })}
            />
          </label>
          <FieldError id="append-meta-error" text={metaError} />
          {error !== undefined && <ProblemNotice error={error} />}
          <div class="actions">
            <button type="submit" class="primary" disabled={isBusy || isWrong}>
              Append
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

function FieldError({ id, text }: { id: string; text: string | undefined }) {
  return (
    <p id={id} class="field-error" role="alert" hidden={text === undefined}>
      <Text value={text ?? ""} />
    </p>
  );
}

function problemOfTopic(topic: string): string | undefined {
  const problem = topicProblem(topic);
  if (problem !== undefined) return `A topic ${problem}.`;
  if (!concernsRuntime(topic)) return undefined;
  return "A frame below stream.cross., or whose topic ends with .send, may start code: this page appends none. Use  xs append  in a terminal.";
}

function problemOfMeta(meta: string): string | undefined {
  if (meta.trim() === "") return undefined;
  try {
    JSON.parse(meta);
    return undefined;
  } catch (error) {
    return `This is not JSON: ${messageOf(error)}`;
  }
}

async function post({ topic, content, meta }: Draft, key: string): Promise<Frame> {
  const headers: Record<string, string> = { "idempotency-key": key };
  // A header is of bytes: base64 holds any text.
  if (meta.trim() !== "") headers["xs-meta"] = base64Of(meta);
  try {
    const signal = AbortSignal.timeout(30_000);
    const init = { method: "POST", headers, body: content, signal };
    return (await (await ask(`/stream/${encodeURIComponent(topic)}`, init)).json()) as Frame;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    throw new Problem(
      0,
      "no_answer",
      "no answer came in 30 seconds: append again, it is appended once",
    );
  }
}
