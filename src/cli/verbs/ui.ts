import type { Client } from "../../client/client.ts";
import type { Inspector } from "../../ui/inspector.ts";
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
    const writes = input.options.has("write");
    await answerOthers(client, writes);
    const { Inspector } = await import("../../ui/inspector.ts");
    const { backendOf } = await import("../kit/inspect.ts");
    const backend = backendOf(client, address, { writes });
    const signal = stopSignal();
    const inspector = await Inspector.listen(ANYWHERE, backend);
    const ending = new AbortController();
    const { readLines } = await import("../kit/terminal-keys.ts");
    const isRead = readLines(ending.signal, () =>
      messages.info(`another link\n  ${inspector.link().url}`),
    );
    const how = isRead ? "; Enter prints a link, Ctrl-C ends it" : "";
    if (input.options.has("no-open")) {
      messages.success(
        `the inspector of ${backend.name}: a link that works once${how}\n  ${inspector.link().url}`,
      );
    } else {
      messages.success(`the inspector of ${backend.name}: http://${inspector.address}/${how}`);
    }
    const shown = input.options.has("no-open") ? undefined : show(inspector, ending.signal);
    await signal;
    ending.abort();
    await inspector.stop();
    await shown;
  },
};

async function show(inspector: Inspector, signal: AbortSignal): Promise<void> {
  const { showPage } = await import("../../ui/browser/show.ts");
  await showPage({
    page: `http://${inspector.address}/`,
    link: () => inspector.link(),
    failed(why) {
      messages.warn(
        `${why}: open this link, which works once\n  ${inspector.link().url}${tunnel(inspector)}`,
      );
    },
    signal,
  });
}

/** How a person who is on another machine gets there. */
function tunnel({ address }: Inspector): string {
  if (!process.env.SSH_CONNECTION) return "";
  const port = address.replace(/^.*:/, "");
  return `\nfrom the machine where the browser is, first:  ssh -L ${port}:${address} THIS_HOST`;
}

/**
 * Lets other commands go on where no server runs: this process has the store, so it answers them. One that cannot be
 * written stays as it is, and all may read it.
 *
 * @throws XsError where the store does not answer
 */
async function answerOthers(client: Client, writes: boolean): Promise<void> {
  const response = await client.request("/-/info");
  const { path, writable, reason } = (await response.json()) as {
    path?: string;
    writable?: boolean;
    reason?: string;
  };
  if (writable === false) {
    const also = writes ? ", so --write does nothing" : "";
    messages.info(`the store can only be read${also}: ${reason}`);
  }
  if (!client.isDirect || writable === false) return;
  await client.serve();
  messages.info(
    `no server has ${path}: this command answers for it as long as it runs, without processors`,
  );
}
