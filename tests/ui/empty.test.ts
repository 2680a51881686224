import { expect, setDefaultTimeout } from "bun:test";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { plainEnv, startServer, XS } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** Runs a command as a person does who copies it from the page: in another folder, where the store is not the default. */
async function run(command: string): Promise<void> {
  const env = plainEnv(tmpdir());
  const child = Bun.spawn(["sh", "-c", command], {
    cwd: tmpdir(),
    env: { ...env, PATH: `${dirname(XS)}:${process.env.PATH}` },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const said = await new Response(child.stderr).text();
  expect([command, await child.exited, said]).toEqual([command, 0, expect.any(String)]);
}

browserTest(
  "where there is nothing the page names commands, and what they do appears",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/a store`);
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page, faults } = opened;
    const commands = async () => {
      await page.locator(".notice code").first().waitFor();
      const texts = await page.locator(".notice code").allTextContents();
      return texts.filter((text) => text.startsWith("xs ") && text !== "xs serve");
    };
    for (const command of await commands()) await run(command);
    await page.getByRole("option").filter({ hasText: "hello" }).waitFor();
    await page.keyboard.press("2");
    for (const command of await commands()) await run(command);
    await page.getByRole("link", { name: "on.note" }).waitFor();
    await page.getByRole("link", { name: "disk" }).waitFor();
    await page.keyboard.press("3");
    for (const command of await commands()) await run(command);
    await page.getByRole("option").filter({ hasText: "views/count" }).waitFor();
    expect(faults).toEqual([]);
  },
);
