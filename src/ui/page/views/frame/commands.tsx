import { useRef, useState } from "preact/hooks";
import { shellWord } from "../../../../core/error.ts";
import { storeName, storeOption } from "../../lib/about.ts";
import type { Frame } from "../../lib/frame.ts";

/** A command line, named for what it is good for. */
export interface CommandLine {
  readonly name: string;
  readonly line: string;
}

/** Commands that return a frame, or what belongs to it, from the store of this page. */
export function commandsOf({ id, hash, topic }: Frame): CommandLine[] {
  return [
    { name: "id", line: id },
    { name: "the frame", line: xs("get", id) },
    ...(hash === null ? [] : [contentCommand(id)]),
    { name: "why", line: xs("why", id) },
    { name: "what came next", line: xs("cat", "--topic", topic, "--last-id", id) },
    { name: "with curl", line: curl(`/${id}`) },
    ...(hash === null ? [] : [{ name: "content with curl", line: curl(`/${id}/content`) }]),
  ];
}

/** The command that returns the content of a frame. */
export function contentCommand(id: string): CommandLine {
  return { name: "the content", line: xs("content", id) };
}

function xs(verb: string, ...rest: readonly string[]): string {
  return ["xs", verb, storeOption(), ...rest.map(shellWord)].join(" ");
}

function curl(path: string): string {
  const store = storeName();
  if (/^https?:/.test(store)) {
    // The token stays where it is: in the environment of the shell.
    return `curl -H "authorization: Bearer $XS_TOKEN" ${shellWord(store + path)}`;
  }
  const socket = store.endsWith("/sock") ? store : `${store}/sock`;
  return `curl --unix-socket ${shellWord(socket)} ${shellWord(`http://xs${path}`)}`;
}

/** A command with a button that copies it. Where the browser refuses that, it selects the text. */
export function Command({ command: { name, line } }: { command: CommandLine }) {
  const [said, say] = useState("");
  const text = useRef<HTMLElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(line);
      say("copied");
    } catch {
      if (text.current) getSelection()?.selectAllChildren(text.current);
      say("selected");
    }
    setTimeout(() => say(""), 2000);
  };
  return (
    <div class="command">
      <span class="command-name dim">{name}</span>
      <code ref={text} class="command-line" title={line}>
        {line}
      </code>
      <button type="button" class="quiet" aria-label={`Copy ${name}`} onClick={() => void copy()}>
        {said || "copy"}
      </button>
      <span class="unseen" role="status">
        {said}
      </span>
    </div>
  );
}

/** Commands that return the frame, for the clipboard. */
export function Commands({ frame }: { frame: Frame }) {
  return (
    <div class="commands">
      {commandsOf(frame).map((command) => (
        <Command key={command.name} command={command} />
      ))}
    </div>
  );
}
