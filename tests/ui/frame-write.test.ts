import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

browserTest("with --write a frame is appended once, however often one presses", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  await using opened = await InspectorPage.open(it, "?topic=note.a");
  const { page, faults } = opened;
  await page.getByRole("button", { name: "Append…" }).waitFor();
  // By the keyboard; the topic that is chosen is there.
  await page.keyboard.press("a");
  const dialog = page.getByRole("dialog", { name: "Append a frame" });
  const topic = dialog.getByRole("textbox", { name: "Topic" });
  expect(await topic.inputValue()).toBe("note.a");
  const submit = dialog.getByRole("button", { name: "Append", exact: true });
  // What may start code is explained, and not sent.
  for (const reserved of ["stream.cross.handler.x.spawn", "shell.send"]) {
    await topic.fill(reserved);
    await dialog.getByRole("alert").getByText("may start code").waitFor();
    expect(await submit.isDisabled()).toBe(true);
  }
  await topic.fill("a..b");
  await dialog.getByRole("alert").getByText("may not hold '..'").waitFor();
  await topic.fill("note.b");
  const meta = dialog.getByRole("textbox", { name: "Meta" });
  await meta.fill('{"room": }');
  await dialog.getByRole("alert").getByText("This is not JSON").waitFor();
  expect(await submit.isDisabled()).toBe(true);
  await meta.fill('{"room":"küche","n":12345678901234567890}');
  await dialog.getByRole("textbox", { name: "Content" }).fill("grüße\nzwei");
  // The first answer is lost on its way: the person presses again.
  let requests = 0;
  await page.route("**/api/stream/*", async (route) => {
    requests += 1;
    if (requests > 1) return await route.continue();
    await route.fetch();
    await route.abort();
  });
  await submit.dblclick();
  await dialog.getByRole("alert").getByText("nothing answers").waitFor();
  await submit.click();
  await dialog.waitFor({ state: "hidden" });
  expect(requests).toBe(2);
  const frame = page.getByRole("complementary", { name: "Frame" });
  await frame.getByText("küche").waitFor();
  await frame.getByText("12345678901234567890").waitFor();
  const frames = await server.frames("/stream/note.b");
  expect(frames.length).toBe(1);
  expect(await (await server.fetch(`/${frames[0]?.id}/content`)).text()).toBe("grüße\nzwei");
  expect(new URL(page.url()).searchParams.get("frame")).toBe(frames[0]?.id ?? "");
  expect(faults).toEqual([]);
});

browserTest("a frame is removed after asking, by the keyboard", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const { id } = await server.append("note", "goes");
  const other = await server.append("note", "stays");
  await using it = await Inspector.start(server.directory, { args: ["--write"] });
  await using opened = await InspectorPage.open(it, `?frame=${id}`);
  const { page, faults } = opened;
  const frame = page.getByRole("complementary", { name: "Frame" });
  const remove = frame.getByRole("button", { name: "Remove…" });
  await remove.focus();
  await page.keyboard.press("Enter");
  // The focus is on the answer that loses nothing.
  await until("the question", () =>
    frame
      .getByRole("button", { name: "Keep it" })
      .evaluate((button: unknown) => (button as { matches(s: string): boolean }).matches(":focus")),
  );
  await page.keyboard.press("Enter");
  await remove.focus();
  await page.keyboard.press("Enter");
  expect((await server.fetch(`/${id}`)).status).toBe(200);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await frame.getByText("The frame is removed").waitFor();
  expect((await server.fetch(`/${id}`)).status).toBe(404);
  await page.keyboard.press("n");
  await frame.getByText("stays").waitFor();
  expect(new URL(page.url()).searchParams.get("frame")).toBe(other.id);
  expect(faults).toEqual([]);
});

browserTest("without --write there is nothing to append or to remove with", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const { id } = await server.append("note", "hello");
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${id}`);
  const { page } = opened;
  await page.getByText("In a terminal").waitFor();
  await page.keyboard.press("a");
  expect(await page.getByRole("button", { name: /Append|Remove/ }).count()).toBe(0);
});
