import { expect, setDefaultTimeout } from "bun:test";
import { join } from "node:path";
import { Site } from "../gateway/site.ts";
import { browserTest, openBrowser } from "../support/browser.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

const SCRIPT = Bun.file(join(import.meta.dir, "../../examples/guestbook/guestbook.ts"));

browserTest("guests sign, and everybody sees it, as text and nothing else", async () => {
  using home = tempDirectory();
  const store = join(home.path, "store");
  await using browser = await openBrowser();
  const page = await browser.newPage();
  const texts = () => page.locator("article p").allTextContents();
  const evil = `<img src=x onerror="document.title='owned'"> & "quotes"`;
  let address = "";
  {
    await using site = await Site.open([], ":0", store);
    await site.spawn("guestbook", SCRIPT);
    address = site.address;
    await page.goto(`http://${address}/`);
    expect(await texts()).toEqual([]);
    for (const [name, text] of [
      ["Ada", "Lovely\nplace"],
      ["<b>Eve", evil],
    ] as const) {
      await page.fill("[name=name]", name);
      await page.fill("[name=text]", text);
      await page.click("button");
      await page.waitForSelector(`article >> text=${text.slice(0, 6)}`);
    }
    expect(await texts()).toEqual([evil, "Lovely\nplace"]);
    expect(await page.locator("article footer").first().textContent()).toStartWith("<b>Eve, 20");
    expect([await page.title(), await page.locator("img, article b").count()]).toEqual([
      "Guest book",
      0,
    ]);
    // A reload does not sign again, and what others append gets in.
    await site.server.append("guestbook.entry", "from a shell", { "xs-meta": '{"name":"sh"}' });
    await until("the view has it", async () => {
      return (await (await site.server.fetch("/kv/guestbook/entries")).text()).includes("a shell");
    });
    await page.reload();
    expect(await texts()).toEqual(["from a shell", evil, "Lovely\nplace"]);
    await site.server.stop("SIGKILL");
  }
  await using again = await Site.open([], address.replace(/.*:/, ":"), store);
  // The handler has yet to start: a request waits for it.
  await page.reload();
  expect(await texts()).toHaveLength(3);
  const entries = await again.frames("guestbook.entry");
  expect(await Promise.all(entries.map((entry) => again.contentOf(entry)))).toEqual([
    "Lovely\r\nplace",
    evil,
    "from a shell",
  ]);
});

browserTest("a form on another page does not sign", async () => {
  await using site = await Site.open();
  await site.spawn("guestbook", SCRIPT);
  await using browser = await openBrowser();
  const page = await browser.newPage();
  const form = `<form method=post action="http://${site.address}/"><input name=text value=spam><button>go</button></form>`;
  using elsewhere = Bun.serve({
    port: 0,
    fetch: () => new Response(form, { headers: { "content-type": "text/html" } }),
  });
  await page.goto(elsewhere.url.href);
  const [response] = await Promise.all([
    page.waitForResponse((answer) => answer.url().includes(site.address)),
    page.click("button"),
  ]);
  expect(response.status()).toBe(403);
  expect(await site.frames("guestbook.entry")).toEqual([]);
  // Nor does what is too long, or says nothing.
  expect((await site.curl("/", "-d", `text=${"x".repeat(10_000)}`)).status).toBe(413);
  expect((await site.curl("/", "-d", "text=%20")).status).toBe(400);
  expect((await site.curl("/x")).status).toBe(404);
  expect((await site.curl("/", "-X", "PUT")).status).toBe(405);
});
