import { expect, setDefaultTimeout } from "bun:test";
import { rm } from "node:fs/promises";
import type { Page } from "playwright-core";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { gif, huge, png, wav } from "../support/media.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** The view of the frame. */
function frameOf(page: Page) {
  return page.getByRole("complementary", { name: "Frame" });
}

browserTest("meta and JSON are trees of what is written, numbers and all", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const meta =
    '{"big":12345678901234567890,"one":1.0,"huge":1e400,"zero":-0,"__proto__":"own","":"empty","list":[1,[2,[3,[4]]]]}';
  const { id } = await server.append("note", `{"n":9007199254740993,"a":1,"a":2,"10":0,"2":0}`, {
    "xs-meta": meta,
  });
  await server.append("note.row", "", { "xs-meta": '{"n":98765432109876543210,"f":2.50}' });
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${id}`);
  const { page, faults } = opened;
  const frame = frameOf(page);
  await frame.getByText("12345678901234567890").waitFor();
  // In the rows of the stream too, read or live.
  await page.getByRole("option").getByText('{"n":98765432109876543210,"f":2.50}').waitFor();
  await server.append("note.row", "", { "xs-meta": '{"live":98765432109876543210}' });
  await page.getByRole("option").getByText('{"live":98765432109876543210}').waitFor();
  for (const written of ["1.0", "1e400", "-0", "9007199254740993", "own", "empty"]) {
    await frame.getByText(written, { exact: true }).first().waitFor();
  }
  // In their order, and all of one name.
  const lines = await frame.locator(".json-line").allInnerTexts();
  expect(lines.slice(0, 5)).toEqual(["n: 9007199254740993", "a: 1", "a: 2", "10: 0", "2: 0"]);
  // What is deep opens by the keyboard.
  expect(lines).not.toContain("0: 4");
  await frame.getByRole("button", { name: "1: [ 2 ]" }).last().focus();
  await page.keyboard.press("Space");
  const inner = frame.getByRole("button", { name: "1: [ 1 ]" });
  await inner.focus();
  await page.keyboard.press("Enter");
  await frame.getByText("0: 4", { exact: true }).waitFor();
  expect(faults).toEqual([]);
});

browserTest("a content is shown as what it is, not as what is said of it", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const append = async (content: string | Uint8Array, meta = "null") => {
    const headers = { "xs-meta": meta };
    const body = content;
    const response = await server.fetch("/stream/a", { method: "POST", body, headers });
    return ((await response.json()) as { id: string }).id;
  };
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="30"><rect width="40" height="30"/></svg>`;
  const contents: [label: string, content: string | Uint8Array, shown: string][] = [
    ["text", "hello\nthere", "pre"],
    ["JSON", '{"a":1}', ".json"],
    ["text", "{ no JSON", "pre"],
    ["Markdown", "# Title\n\n- one [link](javascript:alert(1))\n", "pre"],
    ["image/png", png(8, 6), "img"],
    ["image/gif", gif(), "img"],
    ["image/svg+xml", svg, "img"],
    ["audio/wav", wav(), "audio"],
    ["bytes", new Uint8Array([0, 1, 2, 254]), "pre"],
    // A text that begins like a picture.
    ["text", "BM is a text, GIF89a too", "pre"],
    ["text", "GIF89a=1;alert(1)//", "pre"],
  ];
  const ids = new Map<string, [string, string]>();
  for (const [label, content, shown] of contents) {
    ids.set(await append(content, '{"content-type":"text/html"}'), [label, shown]);
  }
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  const frame = frameOf(page);
  for (const [id, [label, shown]] of ids) {
    await page.goto(`${it.origin}/?frame=${id}`);
    const bytes = frame.locator(".bytes");
    await bytes.locator(".tag").getByText(label, { exact: true }).waitFor();
    await bytes.locator(shown).first().waitFor();
    if (shown === "img") {
      await until(`the picture of ${label}`, () =>
        bytes
          .locator("img")
          .evaluate((img: unknown) => (img as { naturalWidth: number }).naturalWidth > 0),
      );
      expect(await bytes.locator("img").getAttribute("src")).toStartWith("blob:");
    }
    if (shown === "audio") {
      await until("the sound", () =>
        bytes
          .locator("audio")
          .evaluate((audio: unknown) => (audio as { duration: number }).duration > 0),
      );
    }
  }
  // The way to look at it is in the address, so that it stays.
  const [json = ""] = [...ids].find(([, [label]]) => label === "JSON") ?? [];
  await page.goto(`${it.origin}/?frame=${json}`);
  await frame.getByRole("button", { name: "hex", exact: true }).click();
  await frame.getByText("7b 22 61 22 3a 31 7d").waitFor();
  await page.reload();
  await frame.getByText("7b 22 61 22 3a 31 7d").waitFor();
  expect(new URL(page.url()).searchParams.get("as")).toBe("hex");
  await frame.getByRole("button", { name: "text", exact: true }).click();
  await frame.locator("pre").getByText('{"a":1}').waitFor();
  expect(faults).toEqual([]);
});

browserTest("a picture has the measures that it shows", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it);
  const { page, faults } = opened;
  // What the browser encodes itself, with and without loss, with and without what is transparent.
  const encoded = (await page.evaluate(`(() => {
    const drawn = (type, quality, alpha) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 37, height: 21 });
      const context = canvas.getContext("2d");
      context.fillStyle = alpha ? "#f008" : "#f00";
      context.fillRect(0, 0, 37, 21);
      return canvas.toDataURL(type, quality);
    };
    return [
      drawn("image/png"),
      drawn("image/jpeg", 0.5),
      drawn("image/webp", 0.5),
      drawn("image/webp", 0.5, true),
      drawn("image/webp", 1),
    ];
  })()`)) as string[];
  for (const url of encoded) {
    const [, type = "", base64 = ""] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? [];
    const body = Buffer.from(base64, "base64");
    const response = await server.fetch("/stream/picture", { method: "POST", body });
    const { id } = (await response.json()) as { id: string };
    await page.goto(`${it.origin}/?frame=${id}`);
    const frame = frameOf(page);
    await frame.locator(".tag").getByText(type, { exact: true }).waitFor();
    await frame.getByText("37 × 21 pixels").waitFor();
  }
  expect(faults).toEqual([]);
});

browserTest("a picture that lies, and one that takes all memory, are told of", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const append = async (body: Uint8Array) => {
    const response = await server.fetch("/stream/a", { method: "POST", body: body });
    return ((await response.json()) as { id: string }).id;
  };
  const lie = await append(Buffer.from("\x89PNG\r\n\x1a\n<script>alert(1)</script>", "latin1"));
  const large = await append(huge(60_000, 40_000));
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${lie}`);
  const { page, faults } = opened;
  const frame = frameOf(page);
  await frame.getByText("The browser cannot show this").waitFor();
  await page.goto(`${it.origin}/?frame=${large}`);
  await frame.getByText("60,000 × 40,000 pixels").waitFor();
  expect(await frame.locator("img").count()).toBe(0);
  expect(faults).toEqual([]);
});

browserTest(
  "of a large content the page reads a part, then more, then it names the command",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    const line = `${"0123456789".repeat(9)}abcdefghi\n`;
    const text = line.repeat(200_000);
    const { id } = await server.append("large", text);
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page, faults } = opened;
    const ranges: string[] = [];
    page.on("request", (request) => {
      const { pathname } = new URL(request.url());
      if (pathname.endsWith(`${id}/content`)) ranges.push(request.headers().range ?? "all");
    });
    await page.goto(`${it.origin}/?frame=${id}`);
    const frame = frameOf(page);
    await frame.getByText("262 kB of 20.0 MB are here.").waitFor();
    // The row of the stream has read its begin.
    await until("the read of the first part", () => ranges.includes("bytes=0-262143"));
    await frame.getByRole("button", { name: "Read more" }).click();
    await frame.getByText("4.19 MB of 20.0 MB are here.").waitFor();
    await frame.getByRole("button", { name: "Read more" }).click();
    await frame.getByText("16.8 MB of 20.0 MB are here.").waitFor();
    await frame.getByText("The rest is for a file:").waitFor();
    await frame.getByText(`xs content -s ${server.directory} ${id}`).first().waitFor();
    expect(ranges).toContain("bytes=262144-4194303");
    expect(ranges).not.toContain("all");
    expect(faults).toEqual([]);
  },
);

browserTest("what is damaged, missing or removed is named", async () => {
  using home = tempDirectory();
  const directory = `${home.path}/store`;
  let damaged = "";
  let removed = "";
  {
    await using server = await startServer(directory);
    // Large content is in a file of its own.
    damaged = (await server.append("large", "x".repeat(300_000))).id;
    removed = (await server.append("gone", "soon")).id;
    await server.append("gone", "", { "xs-meta": '"stays"' });
    await server.fetch(`/${removed}`, { method: "DELETE" });
    await server.stop("SIGTERM");
  }
  await rm(`${directory}/cacache/content-v2`, { recursive: true });
  await using server = await startServer(directory);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${damaged}`);
  const { page, faults } = opened;
  const frame = frameOf(page);
  await frame.getByRole("alert").getByText("content").first().waitFor();
  // What else there is of the frame is shown.
  await frame.getByText("In a terminal").waitFor();
  await page.goto(`${it.origin}/?frame=${removed}`);
  await frame.getByText("There is no frame with this id").waitFor();
  await page.keyboard.press("n");
  await frame.getByText("stays").waitFor();
  for (const id of ["no-id", "../kv", "<script>alert(1)</script>", "%ff", "?x", "a/b"]) {
    await page.goto(`${it.origin}/?frame=${encodeURIComponent(id)}`);
    await frame.getByText("There is no frame").or(frame.getByRole("alert")).first().waitFor();
  }
  expect(faults).toEqual([]);
});
