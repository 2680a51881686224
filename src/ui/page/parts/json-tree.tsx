import { useState } from "preact/hooks";
import { count } from "../lib/format.ts";
import type { Json } from "../lib/frame.ts";
import { Text } from "./text.tsx";

/** How many members a list or an object shows before the person asks for more. */
const PART = 100;
/** How deep the tree is open at first. */
const OPEN = 2;

/**
 * Shows a value of JSON as a tree. What is folded is not in the page, so that neither a deep nor a wide value slows it.
 */
export function JsonTree({ value, label = "" }: { value: Json; label?: string }) {
  return (
    <div class="json">
      <Node name={label} value={value} depth={0} />
    </div>
  );
}

function Node({ name, value, depth }: { name: string; value: Json; depth: number }) {
  const [isOpen, setOpen] = useState(depth < OPEN);
  const [shown, setShown] = useState(PART);
  if (typeof value !== "object" || value === null) {
    return (
      <div class="json-line">
        <Name name={name} />
        <Leaf value={value} />
      </div>
    );
  }
  const isList = Array.isArray(value);
  const names = isList ? undefined : Object.keys(value);
  const size = names ? names.length : (value as Json[]).length;
  const what = isList ? `[ ${count(size)} ]` : `{ ${count(size)} }`;
  if (size === 0) {
    return (
      <div class="json-line">
        <Name name={name} />
        <span class="dim">{isList ? "[ ]" : "{ }"}</span>
      </div>
    );
  }
  return (
    <div>
      <button
        type="button"
        class="quiet json-turn"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <span class="json-arrow">{isOpen ? "▾" : "▸"}</span>
        <Name name={name} />
        <span class="dim">{what}</span>
      </button>
      {isOpen && (
        <div class="json-members">
          {Array.from({ length: Math.min(size, shown) }, (_, at) => {
            const key = names ? (names[at] ?? "") : `${at}`;
            const member = names ? (value as Record<string, Json>)[key] : (value as Json[])[at];
            return <Node key={key} name={key} value={member ?? null} depth={depth + 1} />;
          })}
          {size > shown && (
            <button type="button" class="quiet" onClick={() => setShown(shown + PART * 5)}>
              {count(size - shown)} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Name({ name }: { name: string }) {
  if (name === "") return null;
  return (
    <span class="json-name">
      <Text value={name} max={200} />:{" "}
    </span>
  );
}

function Leaf({ value }: { value: null | boolean | number | string }) {
  if (typeof value !== "string") return <span class="json-plain">{String(value)}</span>;
  return (
    <span class="json-text">
      "<Text value={value} max={2000} />"
    </span>
  );
}
