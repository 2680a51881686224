import { useEffect, useId, useRef, useState } from "preact/hooks";
import { addShortcuts } from "../../lib/keyboard.ts";
import { go, hrefOf } from "../../lib/place.ts";
import { Check } from "../../parts/check.tsx";
import { Link } from "../../parts/link.tsx";
import { Text } from "../../parts/text.tsx";
import type { FieldProblems, Fields } from "./selection.ts";
import { showWhen, timeIn } from "./when.ts";

interface FiltersProps {
  readonly fields: Fields;
  readonly problems: FieldProblems;
  readonly runtime: boolean;
}

/** The fields that select the frames: each change is in the address. */
export function Filters({ fields, problems, runtime }: FiltersProps) {
  const form = useRef<HTMLFormElement>(null);
  const [isOpen, open] = useState(false);
  const focus = (name: keyof Fields) => {
    open(true);
    const field = form.current?.elements.namedItem(name);
    if (field instanceof HTMLInputElement) {
      field.focus();
      field.select();
    }
  };
  useEffect(
    () =>
      addShortcuts([
        { keys: ["/"], does: "search", run: () => focus("q") },
        { keys: ["t"], does: "select topics", run: () => focus("topic") },
        { keys: ["s"], does: "select a time", run: () => focus("since") },
      ]),
    [],
  );
  const apply = () => {
    if (!form.current) return;
    const given = new FormData(form.current);
    const textOf = (name: keyof Fields) => String(given.get(name) ?? "").trim();
    const next = {
      q: textOf("q"),
      topic: textOf("topic"),
      since: timeIn(textOf("since")),
      until: timeIn(textOf("until")),
    };
    const isSame = Object.entries(next).every(([name, text]) => text === fields[name as "q"]);
    if (!isSame) go({ ...next, at: undefined });
  };
  const found = Object.entries(problems);
  return (
    <search class="filters">
      <form
        ref={form}
        class={`filters-fields ${isOpen ? "is-open" : ""}`}
        onSubmit={(event) => {
          event.preventDefault();
          apply();
        }}
        onChange={apply}
      >
        <Link class="button filters-topics" href={hrefOf({ pane: "topics" })}>
          Topics
        </Link>
        <Field
          name="q"
          label="Search"
          value={fields.q}
          problem={problems.q}
          hint='words, "a phrase", pre*, -not'
        />
        <button
          type="button"
          class="filters-more"
          aria-expanded={isOpen}
          onClick={() => open(!isOpen)}
        >
          Filter
        </button>
        <Field
          name="topic"
          label="Topics"
          value={fields.topic}
          problem={problems.topic}
          hint="all: try note,door.*"
        />
        <Field
          name="since"
          label="From"
          value={showWhen(fields.since)}
          problem={problems.since}
          hint="2h"
        />
        <Field
          name="until"
          label="To"
          value={showWhen(fields.until)}
          problem={problems.until}
          hint="now"
        />
        {fields.topic === "" && (
          <Check
            name="runtime"
            value="show"
            isOn={runtime}
            title="Show the frames of the runtime too"
          />
        )}
        <button type="submit" class="unseen">
          Select
        </button>
      </form>
      {found.map(([name, problem]) => (
        <p key={name} id={`problem-${name}`} class="filters-problem" role="alert">
          <Text value={problem} />
        </p>
      ))}
    </search>
  );
}

interface FieldProps {
  readonly name: keyof Fields;
  readonly label: string;
  /** As the address has it: the person may be writing another. */
  readonly value: string;
  readonly problem: string | undefined;
  readonly hint: string;
}

function Field({ name, label, value, problem, hint }: FieldProps) {
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  useEffect(() => {
    if (input.current) input.current.value = value;
  }, [value]);
  return (
    <div class={`field field-${name}`}>
      <label for={id}>{label}</label>
      <input
        ref={input}
        id={id}
        name={name}
        type="text"
        placeholder={hint}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `problem-${name}`}
      />
    </div>
  );
}
