import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { plainEnv, startServer, XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Runs a line as it is pasted into a shell. */
async function paste(line: string, env: Record<string, string> = {}): Promise<string> {
  const own = plainEnv("/");
  const PATH = `${XS.slice(0, XS.lastIndexOf("/"))}:${own.PATH}`;
  const child = Bun.spawn(["sh", "-c", line], {
    env: { ...own, PATH, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(`${line}: ${err}`);
  return out;
}

async function copied(opened: InspectorPage): Promise<Map<string, string>> {
  const { page } = opened;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  const lines = new Map<string, string>();
  const buttons = page.getByRole("button", { name: /^Copy / });
  await buttons.first().waitFor();
  for (const button of await buttons.all()) {
    const name = (await button.getAttribute("aria-label")) ?? "";
    await button.click();
    await button.getByText("copied").waitFor();
    lines.set(name.slice(5), String(await page.evaluate("navigator.clipboard.readText()")));
  }
  return lines;
}

browserTest("what is copied works where it is pasted", async () => {
  using home = tempDirectory();
  // A path that a shell would take apart.
  await using server = await startServer(`${home.path}/my $tore's`);
  const cause = await server.append("note.first", "before");
  const meta = JSON.stringify({ frame_id: cause.id });
  const frame = await server.append("note.a", "hello\n", { "xs-meta": meta });
  const next = await server.append("note.a", "later");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${frame.id}`);
  const lines = await copied(opened);
  const run = async (name: string) => await paste(lines.get(name) ?? "false");
  expect(lines.get("id")).toBe(frame.id);
  expect(JSON.parse(await run("the frame"))).toEqual(frame);
  expect(await run("the content")).toBe("hello\n");
  expect(await run("why")).toContain(cause.id);
  expect(JSON.parse(await run("what came next"))).toEqual(next);
  expect(JSON.parse(await run("with curl"))).toEqual(frame);
  expect(await run("content with curl")).toBe("hello\n");
  expect(opened.faults).toEqual([]);
});

browserTest("what is copied reaches a store elsewhere, with the token of the shell", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`, { args: ["--expose", ":0"] });
  const frame = await server.append("note.a", "hello\n");
  const XS_TOKEN = (await Bun.file(`${server.directory}/token`).text()).trim();
  const address = await server.listensAt("expose");
  await using it = await Inspector.start(address, { env: { XS_TOKEN } });
  await using opened = await InspectorPage.open(it, `?frame=${frame.id}`);
  const lines = await copied(opened);
  for (const [name, line] of lines) {
    expect(line).not.toContain(XS_TOKEN);
    if (name === "id") continue;
    const out = await paste(line, { XS_TOKEN });
    if (name.includes("content")) expect(out).toBe("hello\n");
    else if (name.includes("curl") || name === "the frame") expect(JSON.parse(out)).toEqual(frame);
  }
  expect(opened.faults).toEqual([]);
});

browserTest("where the browser refuses to copy, the text is selected", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const { id } = await server.append("note.a", "hello");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${id}`);
  const { page } = opened;
  await page.getByRole("button", { name: "Copy the frame" }).waitFor();
  await page.evaluate("navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))");
  await page.getByRole("button", { name: "Copy the frame" }).click();
  await page.getByRole("button", { name: "Copy the frame" }).getByText("selected").waitFor();
  expect(await page.evaluate("String(getSelection())")).toBe(`xs get -s ${server.directory} ${id}`);
  expect(opened.faults).toEqual([]);
});
