import { hrefOf, place } from "../../lib/place.ts";
import { Link } from "../../parts/link.tsx";
import { FrameView } from "../frame/frame-view.tsx";
import { Topics } from "../topics/topics.tsx";
import { fieldProblem } from "./field-problem.ts";
import { Filters } from "./filters.tsx";
import { SearchList } from "./search-list.tsx";
import { fieldsIn, problemsIn, selectionOf } from "./selection.ts";
import { Stream } from "./stream.tsx";

/**
 * The topics and the stream, and beside it the frame that is chosen. In the address: `topic`, a pattern; `since` and
 * `until`, bounds in time; `q`, a search; `runtime=show`, the runtime's frames; `at`, the place to which the person went,
 * a time or the id of the first visible frame; `frame`, the id of the chosen frame; `pane=topics`, the topics on a
 * narrow page.
 */
export function StreamView() {
  const now = place.value;
  const chosen = now.get("frame") ?? undefined;
  const fields = fieldsIn(now);
  const problems = problemsIn(fields);
  const refused = fieldProblem.value;
  if (refused && refused.text === fields[refused.name]) problems[refused.name] = refused.problem;
  const selection = selectionOf(fields, now.get("runtime") === "show");
  const pane = now.get("pane") === "topics" ? "has-topics" : "";
  return (
    <div class={`stream-page ${chosen ? "has-frame" : ""} ${pane}`}>
      <Topics chosen={selection.topic} />
      <section class="stream" aria-label="Stream">
        <Filters fields={fields} problems={problems} runtime={selection.runtime} />
        {Object.keys(problems).length === 0 &&
          (fields.q.trim() === "" ? (
            <Stream key={JSON.stringify(selection)} selection={selection} chosen={chosen} />
          ) : (
            <SearchList
              key={JSON.stringify([selection, fields.q])}
              q={fields.q}
              selection={selection}
              chosen={chosen}
            />
          ))}
      </section>
      {pane !== "" && (
        <Link class="shade" href={hrefOf({ pane: undefined })} aria-label="Close the topics" />
      )}
      {chosen && <FrameView id={chosen} />}
    </div>
  );
}
