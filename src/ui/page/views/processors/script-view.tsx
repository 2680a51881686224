import { dayAndClock, plural, size } from "../../lib/format.ts";
import { timeOf } from "../../lib/frame.ts";
import { hrefOf, place } from "../../lib/place.ts";
import { useAsk } from "../../lib/use-ask.ts";
import { Link } from "../../parts/link.tsx";
import { ProblemNotice } from "../../parts/notice.tsx";
import { ScrollBox } from "../../parts/scroll-box.tsx";
import { Text } from "../../parts/text.tsx";
import { DiffView } from "./diff-view.tsx";
import { hrefOfFrame } from "./places.ts";
import type { Processor } from "./processor.ts";
import { optionsOf, optionsText, readSpawn, type Spawn, spawnBefore } from "./spawns.ts";

/** The most characters of a script that are shown. */
const MAX_SHOWN = 300_000;

/**
 * The script of a processor as it was written, its options, and what differs from the one before. In the address:
 * `show`, which is `module` for what runs, or `changes`; `file`, the name of one file of a bundle.
 */
export function ScriptView({ processor }: { processor: Processor }) {
  const { spawn_id, kind, name } = processor;
  const { value, error } = useAsk((signal) => readSpawn(spawn_id, signal), [spawn_id]);
  const show = place.value.get("show");
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (!value) return <p class="dim">reading…</p>;
  const { frame, script, source } = value;
  const isBundle = source.packages !== undefined;
  return (
    <>
      <nav class="ps-shows" aria-label="What is shown of the script">
        <Show name={undefined} now={show}>
          As written
        </Show>
        {isBundle && (
          <Show name="module" now={show}>
            What runs
          </Show>
        )}
        <Show name="changes" now={show}>
          Changes
        </Show>
      </nav>
      {script === undefined && (
        <p class="notice">
          The script is no longer in the store. Give it again: <code>xs {kind} add</code>
        </p>
      )}
      {show === "changes" ? (
        <Changes kind={kind} name={name} spawn={value} />
      ) : (
        script !== undefined && (
          <Written spawn={value} kind={kind} isModule={show === "module" && isBundle} />
        )
      )}
      {show !== "changes" && (
        <section>
          <h3>Options of the spawn</h3>
          <Options spawn={value} />
        </section>
      )}
      <p class="dim">
        Added <Link href={hrefOfFrame(frame.id)}>{dayAndClock(timeOf(frame.id))}</Link>
        {Object(frame.meta).resume === true && ", to go on where it was"}
      </p>
    </>
  );
}

function Show({
  name,
  now,
  children,
}: {
  name: string | undefined;
  now: string | null;
  children: string;
}) {
  const isNow = (name ?? null) === now;
  return (
    <Link
      href={hrefOf({ show: name, file: undefined })}
      class="ps-chip"
      aria-current={isNow ? "true" : undefined}
    >
      {children}
    </Link>
  );
}

interface WrittenProps extends Pick<Processor, "kind"> {
  readonly spawn: Spawn;
  readonly isModule: boolean;
}

function Written({ spawn: { source }, kind, isModule }: WrittenProps) {
  const { files, packages, module } = source;
  const name = place.value.get("file");
  const file = files.find((each) => each.name === name) ?? files[0];
  if (isModule) {
    return (
      <section>
        <p class="dim">The one module that xs made of the files below, {size(module.length)}.</p>
        <Code text={module} label="The module that runs" />
      </section>
    );
  }
  return (
    <section>
      {packages && (
        <p class="dim">
          A bundle runs: one module that <code>xs {kind} add</code> made of{" "}
          {plural(files.length, "file")}
          {packages.length > 0 && (
            <>
              {" "}
              and of <Text value={packages.join(", ")} max={300} />
            </>
          )}
          . This is the source, as the bundle has it.
        </p>
      )}
      {files.length > 1 && (
        <nav class="ps-files" aria-label="Files">
          {files.map((each) => (
            <Link
              key={each.name}
              href={hrefOf({ file: each.name })}
              class="mono"
              aria-current={each === file ? "true" : undefined}
            >
              <Text value={each.name} max={200} />
            </Link>
          ))}
        </nav>
      )}
      <Code text={file?.text ?? ""} label={file?.name || "The script"} />
    </section>
  );
}

/** A text with the numbers of its lines, which errors name. */
function Code({ text, label }: { text: string; label: string }) {
  const shown = text.slice(0, MAX_SHOWN).replace(/\n$/, "");
  const numbers = Array.from({ length: shown.split("\n").length }, (_, at) => at + 1).join("\n");
  return (
    <ScrollBox class="code" label={label}>
      <pre class="code-numbers" aria-hidden="true">
        {numbers}
      </pre>
      <pre>
        <Text value={shown} max={MAX_SHOWN} kept={"\n\t"} />
      </pre>
      {text.length > MAX_SHOWN && (
        <p class="dim">… {size(text.length - MAX_SHOWN)} more: xs content prints all of it</p>
      )}
    </ScrollBox>
  );
}

function Options({ spawn: { frame } }: { spawn: Spawn }) {
  const options = optionsOf(frame);
  if (options.length === 0) {
    return <p class="dim">None: the script declares what it needs, and the rest is as usual.</p>;
  }
  return (
    <table class="options">
      <tbody>
        {options.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">
              <Text value={name} max={200} />
            </th>
            <td class="mono">
              <Text value={typeof value === "string" ? value : JSON.stringify(value)} max={2000} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface ChangesProps extends Pick<Processor, "kind" | "name"> {
  readonly spawn: Spawn;
}

function Changes({ kind, name, spawn }: ChangesProps) {
  const { value, error, isLoading } = useAsk(
    (signal) => spawnBefore({ kind, name }, spawn.frame, signal),
    [spawn],
  );
  if (error !== undefined) return <ProblemNotice error={error} />;
  if (isLoading) return <p class="dim">looking for the one before…</p>;
  if (!value) {
    return (
      <p class="notice notice-empty">There is none before with another script or other options.</p>
    );
  }
  const [before, after] = [filesOf(value), filesOf(spawn)];
  const names = [...new Set([...before.keys(), ...after.keys()])];
  return (
    <>
      <p class="dim">
        Compared with the one of{" "}
        <Link href={hrefOfFrame(value.frame.id)}>{dayAndClock(timeOf(value.frame.id))}</Link>
        {value.script === undefined && ", whose script is no longer in the store"}
      </p>
      {names
        .filter((file) => before.get(file) !== after.get(file))
        .map((file) => (
          <section key={file}>
            {file !== "" && (
              <h3 class="ps-file">
                <Text value={file} max={200} />
              </h3>
            )}
            <DiffView
              before={before.get(file) ?? ""}
              after={after.get(file) ?? ""}
              label={`What changed in ${file || "the script"}`}
            />
          </section>
        ))}
      {names.every((file) => before.get(file) === after.get(file)) && (
        <p class="dim">
          The source is the same
          {value.source.module !== spawn.source.module &&
            ": a package that it brings along differs"}
          .
        </p>
      )}
      {optionsText(value.frame) !== optionsText(spawn.frame) && (
        <section>
          <h3>Options of the spawn</h3>
          <DiffView
            before={optionsText(value.frame)}
            after={optionsText(spawn.frame)}
            label="What changed in the options"
          />
        </section>
      )}
    </>
  );
}

/** The files by name. One file alone is compared with one alone, whatever their names. */
function filesOf({ source: { files } }: Spawn): Map<string, string> {
  return new Map(files.map(({ name, text }) => [files.length === 1 ? "" : name, text]));
}
