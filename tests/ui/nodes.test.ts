// The page of the nodes of a store on several machines.
import { expect, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { expectAccessible } from "../support/axe.ts";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { hasNats, NatsServers } from "../support/nats.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(2 * TEST_MS);

browserTest("the nodes are in the head only where the store has some", async () => {
  using home = tempDirectory();
  await using server = await startServer(join(home.path, "store"));
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, "");
  const { page } = opened;
  await page.getByText("Processors").waitFor();
  expect(await page.getByRole("link", { name: "Nodes" }).count()).toBe(0);
  expect((await it.askAt("/nodes")).status).toBe(404);
});

if (hasNats) {
  browserTest("the page shows the nodes and the journal, and axe finds nothing", async () => {
    using home = tempDirectory();
    await using nats = await NatsServers.start(1);
    await using server = await startServer(join(home.path, "store"), {
      args: ["--journal", nats.url("seen"), "--node", "attic"],
    });
    await server.append("note", "hello");
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it, "");
    const { page } = opened;
    await page.getByRole("link", { name: "Nodes" }).click();
    await page.getByRole("row", { name: /^attic leader 1 \d+ 0 / }).waitFor();
    await page.getByText(/^Journal seen: records 1 to \d+, on one server, last append/).waitFor();
    expect(new URL(page.url()).search).toBe("?view=nodes");
    await expectAccessible(page, "the nodes");
    await server.append("note", "more");
    await page.reload();
    await page.getByRole("row", { name: /^attic/ }).waitFor();
  });
}
