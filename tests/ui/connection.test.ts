import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { parseMetrics } from "../support/prometheus.ts";
import { type Server, startServer } from "../support/server.ts";
import { appendBatch, endsWith, walk } from "../support/stream-page.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

async function followers(server: Server): Promise<number> {
  const { samples } = parseMetrics(await (await server.fetch("/metrics")).text());
  return samples.get("xs_followers") ?? Number.NaN;
}

browserTest(
  "a server that stops and comes back: the page says so, and has lost nothing",
  async () => {
    using home = tempDirectory();
    const path = `${home.path}/store`;
    const server = await startServer(path);
    const before = await appendBatch(server, "note", 10);
    await using it = await Inspector.start(path);
    await using opened = await InspectorPage.open(it);
    const { page, faults } = opened;
    await endsWith(page, '"n":9');
    await server.stop("SIGTERM");
    await page.locator(".live-away").waitFor();
    // A server that another does not hear of: what it appends comes when the page is back.
    await using again = await startServer(path);
    const away = await appendBatch(again, "note", 500, 10);
    await page.locator(".live-live").waitFor();
    await endsWith(page, '"n":509');
    const after = await appendBatch(again, "note", 10, 510);
    await endsWith(page, '"n":519');
    const up = await walk(page, -30, 100);
    expect(up.ids.toSorted()).toEqual([...before, ...away, ...after]);
    // Killed while the person looks elsewhere: the place stays, and what came is counted.
    await page.keyboard.press("Home");
    await again.stop("SIGKILL");
    await page.locator(".live-away").waitFor();
    await using third = await startServer(path);
    await appendBatch(third, "note", 7, 520);
    await page.getByText("7 new").waitFor();
    await page.keyboard.press("End");
    await endsWith(page, '"n":526');
    expect(faults).toEqual([]);
  },
);

browserTest("a server that is silent is noticed, and heard again", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await server.append("note", "before");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page } = opened;
  await endsWith(page, "before");
  process.kill(server.pid, "SIGSTOP");
  try {
    await page.locator(".live-away").waitFor();
  } finally {
    process.kill(server.pid, "SIGCONT");
  }
  await page.locator(".live-live").waitFor();
  await server.append("note", "after");
  await endsWith(page, "after");
});

browserTest(
  "a page has one following read, in each of its places, and none once it is gone",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    await appendBatch(server, "note", 100);
    await using it = await Inspector.start(server.directory);
    // The server follows its own stream.
    const others = await followers(server);
    await using opened = await InspectorPage.open(it);
    const { page } = opened;
    await endsWith(page, '"n":99');
    const one = () => reaches("one follower more", others + 1, () => followers(server));
    await one();
    await page.keyboard.press("t");
    await page.keyboard.type("note");
    await page.keyboard.press("Enter");
    await one();
    await page.keyboard.press("Escape");
    await page.keyboard.press("/");
    await page.keyboard.type("topic:note");
    await page.keyboard.press("Enter");
    await page.getByText("100 events found").waitFor();
    await one();
    await page.getByRole("link", { name: "Keys" }).click();
    await page.goBack();
    await page.getByText("100 events found").waitFor();
    await one();
    await page.close();
    await reaches("no follower more", others, () => followers(server));
  },
);
