const COLOURS: Readonly<Record<string, string>> = {
  active: "tag-good",
  failed: "tag-bad",
  invalid: "tag-bad",
  retrying: "tag-warn",
  restarting: "tag-warn",
};

/** The state of a processor, as a word with a colour. */
export function StateTag({ state }: { state: string }) {
  return <span class={`tag ${COLOURS[state] ?? ""}`}>{state}</span>;
}
