import { connect } from "../kit/connect.ts";
import { messages } from "../kit/messages.ts";
import { stopSignal } from "../kit/signals.ts";
import { splitTarget } from "../kit/target.ts";
import { flag, type Verb } from "../kit/verb.ts";

/** Any free port of this machine. */
const ANYWHERE = { hostname: "127.0.0.1", port: 0 };

export const uiVerb: Verb = {
  name: "ui",
  summary: "Open a page that shows what a store holds and does",
  positionals: "[ADDR]",
  options: {
    write: flag("let the page append, put, delete, and stop and start processors"),
    "no-open": flag("print the link, and open no browser"),
  },
  examples: [
    ["xs ui", "the store here, in the browser"],
    ["xs ui ./store --write", "the page may change the store"],
    [
      "xs ui :3021 --no-open",
      "that of another server, with XS_TOKEN; prints a link that works once",
    ],
  ],
  async run(input) {
    const { address } = splitTarget(input, 0);
    await using client = await connect(address);
    // Other commands go on: without a server, this process answers them on the store's socket.
    const name = await client.serve();
    const { Inspector } = await import("../../ui/inspector.ts");
    const { backendOf } = await import("../kit/inspect.ts");
    const backend = backendOf(client, address, input.options.has("write"));
    const inspector = await Inspector.listen(ANYWHERE, backend);
    const signal = stopSignal();
    messages.success(`the inspector of ${name}: a link that works once\n  ${inspector.link().url}`);
    const ending = new AbortController();
    void eachLine(ending.signal, () => messages.info(`another link\n  ${inspector.link().url}`));
    await signal;
    ending.abort();
    await inspector.stop();
  },
};

/** Calls for each line on stdin: a person presses Enter. */
async function eachLine(signal: AbortSignal, call: () => void): Promise<void> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin });
  lines.on("line", call);
  signal.addEventListener("abort", () => {
    lines.close();
    process.stdin.unref();
  });
}
