import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

browserTest("what a token may not see is said, and not counted as none", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`, {
    args: ["--expose", "127.0.0.1:0"],
  });
  await server.append("note", "secret");
  const made = await server.fetch("/-/tokens", {
    method: "POST",
    body: JSON.stringify({ name: "phone", append: ["inbox.*"] }),
  });
  const { token } = (await made.json()) as { token: string };
  const at = await server.listensAt("expose");
  await using it = await Inspector.start(at, { env: { XS_TOKEN: token } });
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  for (const [query, reason] of [
    ["", "reads no topics"],
    ["?q=secret", "reads no topics"],
    ["?view=processors", "may start code"],
    ["?view=kv", "uses no keys"],
  ] as const) {
    await page.goto(`${it.origin}/${query}`);
    await page.locator("main").getByText(reason).last().waitFor();
    await page.getByText("not live").waitFor();
    const said = await page.locator(".topic-count, .head, main [role=status]").allTextContents();
    for (const text of said) expect(text).not.toMatch(/^0|connecting|and more/);
    await until("nothing is awaited", async () => {
      return (await page.locator('[aria-busy="true"]').count()) === 0;
    });
  }
  expect(faults).toEqual([]);
});
