import { statSync } from "node:fs";
import { join } from "node:path";
import type { ParsedTarEntry } from "modern-tar";
import { XsError } from "../../core/error.ts";
import { FRAMES, hashOfEntry, KV_ENTRIES, PROBLEMS } from "../../core/export-format.ts";
import { chunksIn } from "../../net/text-body.ts";
import { writeWhole } from "../kit/export-file.ts";
import { messages } from "../kit/messages.ts";
import { writeOut } from "../kit/output.ts";
import { plural } from "../kit/plural.ts";
import { Progress } from "../kit/progress.ts";
import { splitTarget, withClient } from "../kit/target.ts";
import { UsageError, type Verb } from "../kit/verb.ts";

/** What passed by of an export. */
interface Seen {
  contents: number;
  problems: string[];
}

export const exportVerb: Verb = {
  name: "export",
  summary: "Write everything into one tar: frames, content and k/v pairs",
  positionals: "[ADDR] FILE|-",
  options: {},
  examples: [
    ["xs export backup.tar", "a copy of a store, while it is in use"],
    ["xs export ./store - | gzip > backup.tar.gz", "compressed"],
    ["xs export ./old - | xs import ./new -", "a store into another"],
  ],
  async run({ positionals }) {
    const target = splitTarget(positionals, 1, "FILE, or - for stdout,");
    const [file = ""] = target.rest;
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
      throw new UsageError(`${file} is a folder: name a file, as in  ${join(file, "backup.tar")}`);
    }
    if (file === "-" && process.stdout.isTTY) {
      throw new UsageError("a tar is nothing to look at: name a file, or pipe it somewhere");
    }
    await withClient(target, {}, async (client) => {
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
        `exported ${what}, without what is named above: an older export may still have it`,
      );
    });
  },
};

/** Copies a tar, checks that it is whole, and looks at what is in it. */
async function copyTar(
  response: Response,
  take: (chunk: Uint8Array) => Promise<void>,
): Promise<Seen> {
  const { createTarDecoder } = await import("modern-tar");
  const { readable, writable } = createTarDecoder({ strict: true });
  const progress = new Progress();
  const looking = look(readable, progress);
  const writer = writable.getWriter();
  try {
    for await (const chunk of chunksIn(response)) {
      await take(chunk);
      await writer.write(chunk);
    }
    await writer.close();
    return await looking;
  } catch (error) {
    await writer.abort(error).catch(() => {});
    await looking.catch(() => {});
    throw error;
  } finally {
    progress.clear();
  }
}

async function look(entries: ReadableStream<ParsedTarEntry>, progress: Progress): Promise<Seen> {
  const seen: Seen = { contents: 0, problems: [] };
  for await (const { header, body } of entries) {
    if (hashOfEntry(header.name) !== undefined) {
      seen.contents++;
      // They come in the order of these digits, which are spread evenly.
      const digits = header.name.slice("content/".length, "content/".length + 8);
      progress.show("contents", Number.parseInt(digits, 16) / 2 ** 32);
    }
    if (header.name === FRAMES || header.name === KV_ENTRIES) {
      await watch(body, (bytes) => progress.show("frames", bytes / header.size));
    } else if (header.name === PROBLEMS) {
      seen.problems = problemsIn(await new Response(body).text());
    } else await body.cancel();
  }
  return seen;
}

async function watch(
  body: ReadableStream<Uint8Array>,
  told: (bytes: number) => void,
): Promise<void> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    told(bytes);
  }
}

function problemsIn(lines: string): string[] {
  const texts = lines.split("\n").filter((line) => line !== "");
  return texts.map((line) => (JSON.parse(line) as { problem: string }).problem);
}
