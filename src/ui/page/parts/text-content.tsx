import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { count } from "../lib/format.ts";
import { ScrollBox } from "./scroll-box.tsx";
import { Text } from "./text.tsx";

/** The characters of a text that are shown at first, and how many more each time: a browser lays out more too slowly. */
const PART = 100_000;
/** How near to its end the person has to be for it to stay visible, in px. */
const NEAR = 40;

interface TextContentProps {
  readonly text: string;
  readonly label: string;
  /** It grows: the newest of it is shown, and stays visible. */
  readonly isGrowing: boolean;
}

/** A text, as it is written, with its lines. */
export function TextContent({ text, label, isGrowing }: TextContentProps) {
  const [most, setMost] = useState(PART);
  const element = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  useLayoutEffect(() => {
    const { current } = element;
    if (isGrowing && isAtEnd.current && current) current.scrollTop = current.scrollHeight;
  }, [text, isGrowing]);
  const left = Math.max(0, text.length - most);
  const shown = isGrowing ? text.slice(left) : text.slice(0, most);
  const more = left > 0 && (
    <button type="button" onClick={() => setMost(most * 2)}>
      Show more: {count(left)} {isGrowing ? "earlier characters" : "characters are left"}
    </button>
  );
  return (
    <>
      {isGrowing && more}
      <ScrollBox
        box={element}
        class="bytes-scroll"
        label={label}
        onScroll={({ scrollTop, scrollHeight, clientHeight }) => {
          isAtEnd.current = scrollTop + clientHeight >= scrollHeight - NEAR;
        }}
      >
        <pre class="bytes-text">
          <Text value={shown} max={shown.length} kept={"\n\t"} />
        </pre>
      </ScrollBox>
      {!isGrowing && more}
    </>
  );
}
