import { useState } from "preact/hooks";
import { Text } from "./text.tsx";

/** How many characters of a text are shown at first, and how many at most: a browser lays out more too slowly. */
const FIRST = 2000;
const MAX = 200_000;

/** Text from the store that may be long: its begin, and more of it where the person asks. */
export function LongText({ value }: { value: string }) {
  const [shown, setShown] = useState(FIRST);
  return (
    <>
      <Text value={value} max={shown} />
      {value.length > shown && shown < MAX && (
        <>
          {" "}
          <button type="button" class="quiet more" onClick={() => setShown(MAX)}>
            Show more
          </button>
        </>
      )}
    </>
  );
}
