import { existsSync, readdirSync, statSync } from "node:fs";
import { isAddress, parseAddress } from "../../client/address.ts";
import { absolutePath } from "../../core/absolute-path.ts";
import { shellWord, XsError } from "../../core/error.ts";
import { isTerminal, STDIN } from "../../lib/is-terminal.ts";
import { textIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { readFolder } from "../kit/import-folder.ts";
import { readInput } from "../kit/input.ts";
import { messages } from "../kit/messages.ts";
import { plural, processorCounts } from "../kit/plural.ts";
import { Progress } from "../kit/progress.ts";
import { readFile } from "../kit/read-file.ts";
import { printJson } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, parsed, type Verb, type VerbInput } from "../kit/verb.ts";

export const importVerb: Verb = {
  name: "import",
  summary: "Add an export to a store, or frames as JSON lines; the ids stay the same",
  positionals: "[ADDR] [FILE|FOLDER|-]",
  options: {
    "no-processors": flag("leave out the frames that spawn generators and handlers"),
    restore: flag("bring back frames that were removed from this store"),
    ahead: flag("accept ids that are more than a day ahead of the clock"),
  },
  examples: [
    ["xs import ./new backup.tar", "restore an  xs export ; a second import changes nothing"],
    ["xs cat ./old --content | xs import ./new", "copy a log, with content up to 256 KiB each"],
    ["xs import ./new ./backup", "import a folder that  .export  of cross.stream wrote"],
  ],
  async run(input) {
    const { options } = input;
    using progress = new Progress();
    const onProgress = (part: number) => progress.show("import", part);
    const { target, body } = await sourceOf(input, onProgress);
    const query = new URLSearchParams();
    for (const name of ["no-processors", "restore", "ahead"])
      if (options.has(name)) query.set(name, "true");
    await using client = await connect(target.address, { create: true });
    const response = await client.request(`/import?${query}`, { method: "POST", body });
    progress.clear();
    const text = await textIn(response);
    await printJson(text);
    report(JSON.parse(response.headers.get("xs-import") ?? text) as Imported);
  },
};

/** The members of an import's answer that a person has to know of. */
interface Imported {
  missing?: number;
  stay_removed?: number;
  left_out?: number;
  starts?: Named[];
  scheduled?: number;
  ends?: Named[];
}

interface Named {
  kind: string;
  name: string;
}

function report({
  missing,
  stay_removed: stayRemoved,
  left_out: leftOut,
  starts,
  scheduled,
  ends,
}: Imported): void {
  if (missing) {
    const [has, each] = missing === 1 ? ["has", "it"] : ["have", "each of them"];
    messages.warn(
      `${plural(missing, "frames")} ${has} content that is not here: import an export with it, or store it with  xs cas-post  for ${each}`,
    );
  }
  if (stayRemoved) {
    const [was, stay, them] = stayRemoved === 1 ? ["was", "stays", "it"] : ["were", "stay", "them"];
    messages.info(
      `${plural(stayRemoved, "frames")} that ${was} removed here ${stay} removed; --restore brings ${them} back`,
    );
  }
  if (leftOut) messages.info(`${plural(leftOut, "spawns")} left out`);
  if (starts) {
    messages.warn(
      `${processorCounts(starts)} ${starts.length === 1 ? "starts" : "start"} with the next  xs serve  (${namesOf(starts)}); inspect the store first with  xs serve --paused`,
    );
  }
  if (scheduled) {
    const [is, comes] = scheduled === 1 ? ["append is", "it comes"] : ["appends are", "they come"];
    messages.warn(
      `${scheduled.toLocaleString("en")} ${is} scheduled: with the next  xs serve  ${comes} when due, also here if the other store goes on; look at them with  xs scheduled`,
    );
  }
  if (ends) {
    messages.warn(
      `${processorCounts(ends)} ${ends.length === 1 ? "does" : "do"} not run any more after the next  xs serve  (${namesOf(ends)})`,
    );
  }
}

/** Names as JSON: an import may bring control characters, which a terminal would obey. */
function namesOf(processors: readonly Named[]): string {
  const names = processors.map(({ name }) => JSON.stringify(name));
  return names.length > 20 ? `${names.slice(0, 20).join(", ")} …` : names.join(", ");
}

/** Finds the store, and opens what to import into it. @throws UsageError; as {@link readFolder} and `readFile` do */
async function sourceOf(input: VerbInput, onProgress: (part: number) => void) {
  const target = splitTarget(input, [0, 1], "FILE", "file");
  const [file = "-"] = target.rest;
  const path = absolutePath(file);
  const isLone = input.positionals.length === 1 && input.store === undefined;
  if (isLone && isAddress(file) && !NAME_OF_FILE.test(file) && isFree(path) && !isTerminal(STDIN)) {
    // Frames on stdin can only be meant for a new store there.
    const body = await readInput("frames, one a line");
    if (!(body instanceof Uint8Array && body.length === 0)) {
      return { target: { address: parsed(parseAddress, file) }, body };
    }
  }
  if (isLone && isAddress(file) && !existsSync(path)) {
    throw new XsError(
      "bad_path",
      `there is no ${file}: look how it is spelt; to make a store there of what comes on stdin, write  xs import ${shellWord(file)} -`,
    );
  }
  const body =
    file === "-"
      ? await readInput("frames, one a line")
      : isFolder(file)
        ? await readFolder(file, onProgress)
        : readFile(file, onProgress);
  return { target, body };
}

/** The name of a file that holds an export or frames, and hardly that of a store. */
const NAME_OF_FILE = /\.(tar|tgz|json|jsonl|ndjson|gz|bz2|xz|zst)$/i;

/** Whether a store may be made at a path: nothing is there, or an empty folder. */
function isFree(path: string): boolean {
  return isFolder(path) ? readdirSync(path).length === 0 : !existsSync(path);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
