import { expect, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { Site } from "../gateway/site.ts";
import { browserTest, openBrowser } from "../support/browser.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SCRIPT = Bun.file(join(import.meta.dir, "../../examples/live/live.ts"));

/** Appends an event and waits until so many answers pushed it; gives their ttls. */
async function push(site: Site, count: number): Promise<string[]> {
  const event = await site.server.append("door");
  return await until(`${count} watch`, async () => {
    const pushed = (await site.frames("http.response")).filter(
      ({ meta }) => (meta as { frame_id: string }).frame_id === event.id,
    );
    return pushed.length === count && pushed.map(({ ttl }) => ttl);
  });
}

browserTest("pages show what happens, as text, and go on after a restart", async () => {
  using home = tempDirectory();
  const store = join(home.path, "store");
  await using browser = await openBrowser();
  const [one, two] = [await browser.newPage(), await browser.newPage()];
  let address = "";
  {
    await using site = await Site.open([], ":0", store);
    await site.spawn("live", SCRIPT);
    address = site.address;
    for (const page of [one, two]) {
      await page.goto(`http://${address}/`);
      await page.waitForSelector("#state >> text=live");
    }
    await site.server.append("door", "", { "xs-meta": '{"open":"<i>yes"}' });
    for (const page of [one, two]) {
      const item = page.locator("li", { hasText: "door" });
      await item.waitFor();
      expect(await item.textContent()).toEndWith('{"open":"<i>yes"}');
      expect(await page.locator("i").count()).toBe(0);
    }
    // Answers are kept as long as their requests, not as the events.
    expect(await push(site, 2)).toEqual(["time:86400000", "time:86400000"]);
    await two.close();
    await until("the one that left is dropped", async () => {
      const { id } = await site.server.append("door");
      await one.locator("li", { hasText: id }).waitFor();
      const pushed = (await site.frames("http.response")).filter(
        ({ meta }) => (meta as { frame_id: string }).frame_id === id,
      );
      return pushed.length === 1;
    });
    await site.server.stop("SIGKILL");
  }
  await one.waitForSelector("#state >> text=again");
  await using site = await Site.open([], address.replace(/.*:/, ":"), store);
  await one.waitForSelector("#state >> text=/^live/");
  // Those of before the restart are gone.
  await push(site, 1);
  await one.locator("li", { hasText: "door" }).first().waitFor();
});
