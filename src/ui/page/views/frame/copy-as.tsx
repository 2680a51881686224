import { useState } from "preact/hooks";
import { about } from "../../lib/about.ts";
import type { Frame } from "../../lib/frame.ts";

/** Commands that return the frame, for the clipboard. */
export function CopyAs({ frame }: { frame: Frame }) {
  const store = about.value?.name ?? "./store";
  const lines = [
    ["id", frame.id],
    ["xs", `xs get -s ${shellWord(store)} ${frame.id}`],
    ["curl", curl(store, `/${frame.id}`)],
    ...(frame.hash === null ? [] : [["content", `xs content -s ${shellWord(store)} ${frame.id}`]]),
  ] as const;
  return (
    <div class="copy-as">
      <span class="dim">Copy as</span>
      {lines.map(([name, line]) => (
        <CopyButton key={name} label={name ?? ""} text={line ?? ""} />
      ))}
    </div>
  );
}

function CopyButton({ label, text }: { label: string; text: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <button
      type="button"
      title={text}
      onClick={async () => {
        await navigator.clipboard.writeText(text);
        setCopied(true);
        setTimeout(() => setCopied(false), 1500);
      }}
    >
      {isCopied ? "copied" : label}
    </button>
  );
}

function curl(store: string, path: string): string {
  if (/^https?:/.test(store))
    return `curl -H "authorization: Bearer $XS_TOKEN" ${shellWord(store + path)}`;
  const socket = store.endsWith("/sock") ? store : `${store}/sock`;
  return `curl --unix-socket ${shellWord(socket)} http://xs${path}`;
}

function shellWord(word: string): string {
  return /^[A-Za-z0-9_@%+:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
