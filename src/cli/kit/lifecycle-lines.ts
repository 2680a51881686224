import { LogThrottle, oneLine } from "../../core/one-line.ts";
import { STDERR } from "../../lib/is-terminal.ts";
import type { Hears, LifecycleEvent } from "../../processors/lifecycle/events.ts";
import { type Style, styleFor, takesColours } from "./colours.ts";
import { waitText } from "./wait-text.ts";

/** A program that ends again and again is reported so often at most, in ms. */
const RESTARTS_MS = 60_000;

/** Tells the person who runs the server what becomes of the processors: one line of stderr for each event. */
export function lifecycleLines(): Hears {
  const style = styleFor(takesColours(STDERR));
  const restarts = new Map<string, LogThrottle>();
  return (event) => {
    const key = `${event.kind} ${event.name}`;
    if (event.event !== "restarting") {
      // That it runs again after a restart says nothing more.
      if (event.isRerun) return;
      restarts.delete(key);
      return say(lineOf(event, style));
    }
    const throttle = restarts.getOrInsertComputed(key, () => new LogThrottle(RESTARTS_MS));
    const untold = throttle.admit();
    if (untold !== undefined) say(lineOf(event, style, untold));
  };
}

/** @param untold restarts since the last line */
function lineOf(event: LifecycleEvent, style: Style, untold = 0): string {
  const { kind, name, event: what, reason = "", delayMs = 0 } = event;
  if (what === "failed") {
    const line = oneLine(`${kind} ${name} has failed and runs no more: ${reason}`);
    return style.wrong(`xs: ${line}`);
  }
  const wait = what === "restarting" ? ` in ${waitText(delayMs)}` : "";
  const times = untold === 1 ? "once" : `${untold} times`;
  const more = untold > 0 ? ` (and ${times} more before)` : "";
  const why = reason === "" ? "" : `: ${reason}`;
  const text = oneLine(`${what}${wait}${more}${why}`);
  const isBad = what === "invalid" || what === "restarting";
  return `${kind} ${style.name(oneLine(name))} ${isBad ? style.wrong(text) : text}`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
