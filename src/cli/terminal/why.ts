import type { Address } from "../../client/address.ts";
import type { Client } from "../../client/client.ts";
import type { InlinedFrame } from "../../core/frame.ts";
import { timestampOf } from "../../core/id.ts";
import { linksIn } from "../../core/links.ts";
import { visible } from "../../core/visible.ts";
import { addressWord } from "../kit/address-word.ts";
import type { Style } from "../kit/colours.ts";
import { writeOut } from "../kit/output.ts";
import { Clock, distance } from "./clock.ts";
import { EventText } from "./event-text.ts";
import { COLUMNS_FOR_ID, fit } from "./fit.ts";
import { outputColumns, outputStyle } from "./screen.ts";
import { readerOf } from "./show.ts";
import { isOfRuntime } from "./shown-frame.ts";
import { type TreeRow, treeRows } from "./tree.ts";

/** What there is to show of an event: lines of frames with content. */
export interface Why {
  readonly self: string;
  /** Nearest first; one more than the limit where there are more. */
  readonly causes: readonly string[];
  readonly effects: readonly string[];
  readonly limit: number;
}

interface Event {
  readonly frame: InlinedFrame;
  readonly line: string;
}

/** Prints an event for people: what it came of above, as a tree that grows upward, and what came of it below. */
export async function showWhy(client: Client, why: Why, address: Address): Promise<void> {
  const style = outputStyle();
  const self = eventOf(why.self);
  const { id } = self.frame;
  const [causes, effects] = [why.causes, why.effects].map((lines) =>
    lines.slice(0, why.limit).map(eventOf),
  ) as [Event[], Event[]];
  const events = new Map([...causes, ...effects, self].map((event) => [event.frame.id, event]));
  const hasMore = {
    causes: why.causes.length > why.limit,
    effects: why.effects.length > why.limit,
  };
  const above = [...treeRows(id, causesOf(events, hasMore.causes))].reverse();
  const below = [...treeRows(id, effectsOf([...effects, self]))];
  const rows = new WhyRows(style, new EventText(style, readerOf(client)), self, [
    ...above.map((row) => row.id),
    ...below.map((row) => row.id),
  ]);
  const more = (what: string) => {
    const command = `xs why ${addressWord(address)}${id} --limit ${10 * Math.max(why.limit, 1)}`;
    const text = `… and more ${what}: ${command} shows more; a pipe gets all, as JSON lines`;
    return writeOut(`${style.dim(visible(text))}\n`);
  };
  if (hasMore.causes) await more("causes");
  for (const row of above) {
    const upward = { ...row, branch: row.branch.replace("└─ ", "┌─ ") };
    await writeOut(await rows.line(upward, events.get(row.id), "see below"));
  }
  await writeOut(await rows.line({ id, branch: "● ", isRepeat: false }, self, ""));
  for (const row of below) await writeOut(await rows.line(row, events.get(row.id), "see above"));
  if (hasMore.effects) await more("effects");
  if (above.length + below.length === 0) {
    await writeOut(`${style.dim("It names no other event in its meta, and no other names it.")}\n`);
  }
}

function eventOf(line: string): Event {
  return { line, frame: JSON.parse(line) as InlinedFrame };
}

/** What an event names. Where some causes are not shown, what is not among those shown is left out. */
function causesOf(events: ReadonlyMap<string, Event>, hasMore: boolean) {
  return (id: string): string[] => {
    const event = events.get(id);
    const named = new Set(event ? linksIn(event.line).map((link) => link.id) : []);
    return [...named].filter((each) => !hasMore || events.has(each));
  };
}

/** The effects that name an event, in their order. */
function effectsOf(effects: readonly Event[]) {
  const byCause = new Map<string, string[]>();
  for (const { line, frame } of effects) {
    for (const cause of new Set(linksIn(line).map((link) => link.id))) {
      const named = byCause.get(cause);
      if (named) named.push(frame.id);
      else byCause.set(cause, [frame.id]);
    }
  }
  return (id: string): readonly string[] => byCause.get(id) ?? [];
}

/** Formats the rows, in columns: time, distance from the event, on a wide terminal the id, and the tree. */
class WhyRows {
  readonly #style: Style;
  readonly #text: EventText;
  readonly #self: Event;
  readonly #stampWidth: number;
  readonly #distanceWidth: number;

  constructor(style: Style, text: EventText, self: Event, ids: readonly string[]) {
    this.#style = style;
    this.#text = text;
    this.#self = self;
    const widest = (format: (id: string) => string) =>
      [self.frame.id, ...ids].reduce((width, id) => Math.max(width, format(id).length), 0);
    this.#stampWidth = widest(stampOf);
    this.#distanceWidth = widest((id) => this.#distance(id));
  }

  /** @param elsewhere says of an event that was shown in another row where that is */
  async line(row: TreeRow, event: Event | undefined, elsewhere: string): Promise<string> {
    const { id, branch, isRepeat } = row;
    const { dim, bold, name } = this.#style;
    const columns = outputColumns();
    const isSelf = event === this.#self && !isRepeat;
    const parts = [stampOf(id).padStart(this.#stampWidth)];
    if (this.#distanceWidth > 0) parts.push(this.#distance(id).padStart(this.#distanceWidth));
    if (columns >= COLUMNS_FOR_ID) parts.push(id);
    const head = `${parts.join("  ")}  `;
    // At least a third of the line is for the topic and the text.
    const most = Math.max(3, Math.floor((columns - head.length) / 3));
    const lines = branch.length > most ? `…${branch.slice(1 - most)}` : branch;
    let left = columns - head.length - lines.length;
    if (!event)
      return `${dim(`${head}${lines}${fit(`${id}  (not there)`, left, this.#style).text}`)}\n`;
    const topic = fit(event.frame.topic, left, this.#style);
    left -= topic.width + 2;
    const isDim = isOfRuntime(event.frame) && !isSelf;
    const text = isRepeat
      ? fit(`(${elsewhere})`, left, this.#style).text
      : await this.#text.of(event.frame, event.line, left);
    if (isDim) return `${dim(`${head}${lines}${topic.text}  ${text}`.trimEnd())}\n`;
    const shown = isSelf ? bold(name(topic.text)) : name(topic.text);
    const rest = left > 0 ? `  ${isRepeat ? dim(text) : text}` : "";
    return `${`${dim(head)}${lines}${shown}${rest}`.trimEnd()}\n`;
  }

  #distance(id: string): string {
    const self = this.#self.frame.id;
    return id === self ? "" : distance(timestampOf(id) - timestampOf(self));
  }
}

function stampOf(id: string): string {
  return new Clock().stamp(timestampOf(id));
}
