import { useMemo, useState } from "preact/hooks";
import { isId } from "../../../core/id.ts";
import { count } from "../lib/format.ts";
import { hrefOf } from "../lib/place.ts";
import { type JsonNode, membersOf, rootOf, sizeOf } from "./json-nodes.ts";
import { Link } from "./link.tsx";
import { LongText } from "./long-text.tsx";
import { Text } from "./text.tsx";

/** How many members a list or an object shows before the person asks for more. */
const PART = 100;
/** How deep the tree is open at first, unless a value is larger than this, in characters. */
const OPEN = 3;
const LARGE = 20_000;
/** How many levels are indented: a deeper one begins where these end, so that a deep value stays readable. */
const INDENTED = 12;

/**
 * Shows JSON as a tree, as it is written. What is folded is not in the page, so that neither a deep nor a wide value
 * slows it.
 *
 * @param text valid JSON
 */
export function JsonTree({ text }: { text: string }) {
  const root = useMemo(() => rootOf(text), [text]);
  return (
    <div class="json">
      <Node key={text} text={text} node={root} name={undefined} depth={0} />
    </div>
  );
}

interface NodeProps {
  readonly text: string;
  readonly node: JsonNode;
  readonly name: string | number | undefined;
  readonly depth: number;
}

function Node({ text, node, name, depth }: NodeProps) {
  const [isOpen, setOpen] = useState(
    depth === 0 || (depth < OPEN && node.end - node.start < LARGE),
  );
  const [shown, setShown] = useState(PART);
  const members = useMemo(() => (isOpen ? membersOf(text, node) : undefined), [text, node, isOpen]);
  const size = useMemo(() => members?.length ?? sizeOf(text, node), [text, node, members]);
  const isList = node.kind === "list";
  if (size === 0) {
    return (
      <div class="json-line">
        <Name name={name} />
        <Leaf text={text} node={node} />
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
        <span class="json-arrow" aria-hidden="true">
          {isOpen ? "▾" : "▸"}
        </span>
        <Name name={name} />
        <span class="dim">{isList ? `[ ${count(size)} ]` : `{ ${count(size)} }`}</span>
      </button>
      {members && (
        <div class={depth < INDENTED ? "json-members" : "json-members json-deep"}>
          {members.slice(0, shown).map((member, at) => (
            <Node
              key={member.start}
              text={text}
              node={member}
              name={member.name ?? at}
              depth={depth + 1}
            />
          ))}
          {size > shown && (
            <button
              type="button"
              class="quiet json-more"
              onClick={() => setShown(shown * 2 + PART * 3)}
            >
              {count(size - shown)} more
            </button>
          )}
        </div>
      )}
    </div>
  );
}

function Name({ name }: { name: string | number | undefined }) {
  if (name === undefined) return null;
  return (
    <>
      <span class={typeof name === "number" ? "json-at" : "json-name"}>
        <Text value={name === "" ? '""' : `${name}`} max={200} />
      </span>
      {": "}
    </>
  );
}

function Leaf({ text, node }: { text: string; node: JsonNode }) {
  const written = text.slice(node.start, node.end);
  if (node.kind === "object" || node.kind === "list") {
    return <span class="dim">{node.kind === "list" ? "[ ]" : "{ }"}</span>;
  }
  if (node.kind === "plain") {
    return (
      <span class="json-plain">
        <LongText value={written} />
      </span>
    );
  }
  const value = JSON.parse(written) as string;
  return (
    <span>
      "
      {isId(value) ? (
        <Link href={hrefOf({ view: undefined, frame: value })}>{value}</Link>
      ) : (
        <LongText value={value} />
      )}
      "
    </span>
  );
}
