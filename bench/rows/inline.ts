import { job, serveStore } from "../processes.ts";
import type { Group, Setup } from "../setup.ts";
import { inTurn } from "../statistics.ts";
import type { Row } from "../table.ts";
import { settled } from "./content.ts";

const FRAMES = 200_000;
const STEP = 10_000;

/** A replay with content beside one without. Each frame has other content, and all content is in files. */
export const inline: Group = {
  name: "inline",
  async run(setup) {
    const frames = setup.count(FRAMES);
    const directory = await makeNotes(setup, frames);
    const server = await serveStore(directory);
    const perSecond = async (path: string) => {
      const { lines, seconds } = await job("read", {
        unix: server.unix,
        path,
        times: 3,
        warmUp: 1,
      });
      if (lines < frames) throw new Error(`${path} gave ${lines} frames`);
      return lines / seconds;
    };
    const [value, floor] = await inTurn(
      setup.rounds,
      () => perSecond("/?content=inline"),
      () => perSecond("/"),
    );
    await server.stop();
    const row: Row = {
      name: `replay of ${frames.toLocaleString("en-US")} frames with their content (about 100 bytes each)`,
      unit: "/s",
      value,
      floorName: "the same without it",
      floor,
      // At most six times its time.
      least: 0.17,
    };
    return [row];
  },
};

/** Makes a stopped store of notes whose content is in files. */
async function makeNotes(setup: Setup, frames: number): Promise<string> {
  const directory = setup.fresh();
  const server = await serveStore(directory);
  for (let from = 0; from < frames; from += STEP) {
    const lines = Array.from({ length: STEP }, (_, at) => noteOf(from + at));
    const options = { unix: server.unix, method: "POST", body: lines.join("") };
    const response = await fetch("http://localhost/stream", options);
    if (!response.ok) throw new Error(await response.text());
    await response.bytes();
  }
  await settled(directory);
  await server.stop();
  return directory;
}

function noteOf(n: number): string {
  const content = `note ${n}: a line as somebody might write it down on a day of their life, to find it again later`;
  return `${JSON.stringify({ topic: "note", meta: { n }, content })}\n`;
}
