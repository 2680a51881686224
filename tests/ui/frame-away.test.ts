import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

browserTest("a frame that was asked for while no server ran is shown once one does", async () => {
  using home = tempDirectory();
  const path = `${home.path}/store`;
  const server = await startServer(path);
  await server.append("note", "one");
  const { id } = await server.append("note", "two");
  await using it = await Inspector.start(path);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  const row = page.getByRole("option").filter({ hasText: "two" });
  await row.waitFor();
  await server.stop("SIGKILL");
  await row.click();
  const frame = page.getByRole("complementary", { name: "Frame" });
  await frame.getByRole("alert").first().waitFor();
  await using _again = await startServer(path);
  await frame.locator("pre").getByText("two").waitFor();
  await frame.getByText(id, { exact: true }).first().waitFor();
  expect(await frame.getByRole("alert").count()).toBe(0);
  expect(faults).toEqual([]);
});

browserTest(
  "a frame that is not stored is in the list, and what is said when it opens",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    await server.append("note", "stored");
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page, faults } = opened;
    await page.getByText("stored", { exact: true }).waitFor();
    await page.locator(".live-live").waitFor();
    await server.fetch("/stream/tick?ttl=ephemeral", { method: "POST", body: "gone at once" });
    const row = page.getByRole("option").filter({ hasText: "gone at once" });
    await row.click();
    const frame = page.getByRole("complementary", { name: "Frame" });
    await frame.getByText("it was ephemeral (not stored)").waitFor();
    await row.waitFor();
    expect(faults).toEqual([]);
  },
);
