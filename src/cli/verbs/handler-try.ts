import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { XsError } from "../../core/error.ts";
import { formatReadOptions, parseReadOptions } from "../../core/read-options.ts";
import { wholeLines } from "../../lib/lines.ts";
import { chunksIn } from "../../net/text-body.ts";
import { connect } from "../kit/connect.ts";
import { BACKWARD_OPTIONS, READ_OPTIONS } from "../kit/read.ts";
import { readScript } from "../kit/script-file.ts";
import { printJson } from "../kit/show.ts";
import { splitTarget } from "../kit/target.ts";
import { parsed, UsageError, type Verb } from "../kit/verb.ts";

const { from, last } = READ_OPTIONS;

export const handlerTryVerb: Verb = {
  name: "handler try",
  summary: "Run a handler over the history, and print its output without storing it",
  positionals: "[ADDR] SCRIPT|-",
  options: { ...BACKWARD_OPTIONS, from, last },
  examples: [
    ["xs handler try counter.ts", "over every frame of its topics"],
    ["xs handler try ./store ping.nu --last 10", "over the newest ten of them"],
  ],
  async run(input) {
    const { options } = input;
    const target = splitTarget(input, 1, "SCRIPT", "file");
    const [file = "-"] = target.rest;
    const read = parsed(parseReadOptions, options, "local");
    const { bytes: script, runtime } = await readScript(file, false);
    if (runtime === "sh")
      throw new UsageError(
        `a shell script runs once for each event, with all its effects, so there is no trial of it: run it by hand, as in  xs content ID | XS_TOPIC=note sh ${file}`,
      );
    const name = basename(file).replace(/\.[^.]*$/, "");
    using folder = mkdtempDisposableSync(join(tmpdir(), "xs-try-"));
    await using client = await connect(target.address);
    const { tryHandler } = await import("../../processors/handler/try.ts");
    const frames = async function* ({ topics }: { topics: readonly string[] | undefined }) {
      const query = formatReadOptions({ ...read, ...(!read.topics && topics && { topics }) });
      yield* wholeLines(chunksIn(await client.request(`/?${query}`)));
    };
    await tryHandler({
      name: /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name) ? name : "handler",
      script,
      ...(runtime !== undefined && { meta: { runtime } }),
      place: { address: await client.serve(), folder: folder.path },
      token: client.token,
      frames,
      write: (line) => printJson(`${line}\n`),
    }).catch((error: Error) => {
      if (error.name === "BrokenPipe") throw error;
      throw new XsError("bad_request", error.message);
    });
  },
};
