import { Scru128Generator } from "scru128";
import { type Server, serveStore } from "./processes.ts";

const STEP = 10_000;
/** Frames that a selective read finds. */
export const FEW = 100;

/** Which frames a store holds: all of them, or only the few that a filter picks. */
export type Mix = "all" | "rare" | "a";

/**
 * Makes a store by import: mostly `note`, and evenly among them 100 of `rare` and 100 of `a.b` and
 * `a.c`. With another mix than "all" the same few frames stand alone.
 */
export async function makeStore(directory: string, frames: number, mix: Mix): Promise<string> {
  const server = await serveStore(directory);
  const ids = await idsAfter(server);
  const every = frames / FEW;
  let lines: string[] = [];
  const send = async () => {
    if (lines.length === 0) return;
    const body = `${lines.join("\n")}\n`;
    lines = [];
    const options = { unix: server.unix, method: "POST", body };
    const response = await fetch("http://localhost/import", options);
    if (!response.ok) throw new Error(`import: ${await response.text()}`);
  };
  for (let n = 0; n < frames; n++) {
    const topic = topicOf(n, every);
    if (mix !== "all" && !topic.startsWith(mix)) continue;
    const id = ids.generate().toString();
    lines.push(`{"topic":"${topic}","id":"${id}","hash":null,"meta":{"n":${n}},"ttl":"forever"}`);
    if (lines.length === STEP) await send();
  }
  await send();
  await server.stop();
  return directory;
}

/** Makes ids above all that a server has made: a frame with a lower one would be late, and reads join late ones. */
export async function idsAfter({ unix }: Server): Promise<Scru128Generator> {
  const response = await fetch("http://localhost/-/info", { unix });
  await response.text();
  // Ids of one ms are in no order; and a server that has just started makes some more.
  await Bun.sleep(20);
  return new Scru128Generator();
}

function topicOf(n: number, every: number): string {
  if (n % every === 0) return "rare";
  if (n % every !== every / 2) return "note";
  return Math.floor(n / every) % 2 === 0 ? "a.b" : "a.c";
}
