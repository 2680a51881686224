import { statSync } from "node:fs";
import { join } from "node:path";
import type { ParsedTarEntry } from "modern-tar";
import { XsError } from "../../core/error.ts";
import { hashOfEntry, LINE_FILES, PROBLEMS } from "../../core/export-format.ts";
import { chunksIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { writeWhole } from "../kit/export-file.ts";
import { messages } from "../kit/messages.ts";
import { writeOut } from "../kit/output.ts";
import { plural } from "../kit/plural.ts";
import { counted, Progress } from "../kit/progress.ts";
import { splitTarget } from "../kit/target.ts";
import { UsageError, type Verb } from "../kit/verb.ts";

/** The number of contents in an export, and the problems that it reports. */
interface Seen {
  contents: number;
  problems: string[];
}

export const exportVerb: Verb = {
  name: "export",
  summary: "Write everything into one tar: frames, content and key/value entries",
  positionals: "[ADDR] FILE|-",
  options: {},
  examples: [
    ["xs export backup.tar", "copy a store, even while it is in use"],
    ["xs export ./store - | gzip > backup.tar.gz", "the same, compressed"],
    ["xs export ./old - | xs import ./new -", "copy one store into another"],
  ],
  async run(input) {
    const target = splitTarget(input, 1, "FILE, or - for stdout,", "file");
    const [file = ""] = target.rest;
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
      throw new UsageError(`${file} is a folder: name a file, as in  ${join(file, "backup.tar")}`);
    }
    if (file === "-" && process.stdout.isTTY) {
      throw new UsageError("a terminal cannot show a tar: name a file, or pipe it to a command");
    }
    await using client = await connect(target.address);
    const response = await client.request("/export");
    let seen: Seen = { contents: 0, problems: [] };
    const copy = async (take: (chunk: Uint8Array) => Promise<void>) => {
      seen = await copyTar(response, take);
    };
    if (file === "-") await copy(writeOut);
    else await writeWhole(file, copy);
    for (const problem of seen.problems) messages.error(problem);
    const count = (name: string) => plural(Number(response.headers.get(`xs-${name}`)), name);
    const what = `${count("frames")}, ${plural(seen.contents, "contents")}, ${count("pairs")}`;
    if (seen.problems.length === 0) return messages.success(`exported ${what}`);
    throw new XsError(
      "content_damaged",
      `exported ${what}, without the content named above: an older export may still have it`,
    );
  },
};

/** Copies a tar, checks that it is whole, and inspects its entries. @throws where it breaks off */
async function copyTar(
  response: Response,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<Seen> {
  const { createTarDecoder } = await import("modern-tar");
  const { readable, writable } = createTarDecoder({ strict: true });
  using progress = new Progress();
  const inspecting = inspect(readable, progress);
  const writer = writable.getWriter();
  try {
    for await (const chunk of chunksIn(response)) {
      await take(chunk);
      await writer.write(chunk);
    }
    await writer.close();
    return await inspecting;
  } catch (error) {
    await writer.abort(error).catch(() => {});
    await inspecting.catch(() => {});
    throw error;
  }
}

async function inspect(entries: ReadableStream<ParsedTarEntry>, progress: Progress): Promise<Seen> {
  const seen: Seen = { contents: 0, problems: [] };
  for await (const { header, body } of entries) {
    if (hashOfEntry(header.name) !== undefined) {
      seen.contents++;
      // Contents come in the order of their hashes, so the first digits tell how many are done.
      const digits = header.name.slice("content/".length, "content/".length + 8);
      progress.show("contents", Number.parseInt(digits, 16) / 2 ** 32);
    }
    if (LINE_FILES.includes(header.name)) {
      const onBytes = (bytes: number) => progress.show("frames", bytes / header.size);
      for await (const _ of counted(body, onBytes));
    } else if (header.name === PROBLEMS) {
      seen.problems = problemsIn(await new Response(body).text());
    } else await body.cancel();
  }
  return seen;
}

function problemsIn(lines: string): string[] {
  const texts = lines.split("\n").filter((line) => line !== "");
  return texts.map((line) => (JSON.parse(line) as { problem: string }).problem);
}
