import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { reaches, TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** An item of a tree, in the page. */
interface Item {
  readonly ariaLevel: string;
  readonly textContent: string;
  querySelector(selector: string): Item | null;
}

async function append(server: Server, topic: string, meta: object = {}): Promise<string> {
  return (await server.append(topic, "", { "xs-meta": JSON.stringify(meta) })).id;
}

browserTest("causes and effects are a tree that one walks by the keyboard", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const request = await append(server, "http.request");
  const spawn = await append(server, "job.spawned", { request_id: request });
  const done: string[] = [];
  for (let n = 0; n < 14; n++) done.push(await append(server, "job.done", { frame_id: spawn, n }));
  const last = await append(server, "note.last", { frame_id: done[0], request_id: request });
  await append(server, "note.after", { frame_id: last });
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${spawn}`);
  const { page, faults } = opened;
  const frame = page.getByRole("complementary", { name: "Frame" });
  const tree = frame.getByRole("tree", { name: "Causes and effects" });
  const rows = () =>
    tree
      .getByRole("treeitem")
      .evaluateAll((items: unknown) =>
        (items as Item[]).map(
          (item) => `${item.ariaLevel} ${(item.querySelector(".walk-topic") ?? item).textContent}`,
        ),
      );
  await tree.getByText("6 more").waitFor();
  const folded = ["1 http.request", "2 job.spawned", "3 job.done", "4 note.last", "5 note.after"];
  expect(await rows()).toEqual([...folded, ...Array(7).fill("3 job.done"), "3 6 more"]);
  expect(await tree.locator("[aria-current]").textContent()).toContain("this frame");
  // By the keys of a tree: to the end, and all of what is wide.
  await tree.locator("[aria-current]").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await until("all effects", async () => (await rows()).length === 18);
  // Folded and unfolded.
  await tree.locator("[aria-current]").focus();
  await page.keyboard.press("ArrowLeft");
  await until("the folded tree", async () => (await rows()).length === 2);
  await page.keyboard.press("ArrowRight");
  await until("the whole tree", async () => (await rows()).length === 18);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  // The walk goes on with the keys in the tree of that frame.
  await frame.getByRole("heading", { name: "note.last" }).waitFor();
  await until("the focus in the new tree", () =>
    tree
      .locator("[aria-current]")
      .evaluate((item: unknown) => (item as { matches(s: string): boolean }).matches(":focus")),
  );
  await reaches("the folded tree", folded, rows);
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await frame.getByRole("heading", { name: "http.request" }).waitFor();
  await page.goBack();
  await frame.getByRole("heading", { name: "note.last" }).waitFor();
  // An id in a meta leads there too.
  await frame.getByRole("link", { name: request, exact: true }).click();
  await frame.getByRole("heading", { name: "http.request" }).waitFor();
  await page.goBack();
  await frame.getByRole("heading", { name: "note.last" }).waitFor();
  // What comes while it is open.
  await append(server, "note.new", { frame_id: last });
  await tree.getByText("note.new").waitFor();
  expect(faults).toEqual([]);
});

browserTest("many effects come in parts", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const root = await append(server, "root");
  const lines = Array.from({ length: 250 }, (_, n) =>
    JSON.stringify({ topic: "leaf", meta: { frame_id: root, n } }),
  );
  await server.fetch("/stream", { method: "POST", body: lines.join("\n") });
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${root}`);
  const { page, faults } = opened;
  const frame = page.getByRole("complementary", { name: "Frame" });
  await frame.getByText("92 more", { exact: true }).waitFor();
  for (const left of ["192 more", "242 more"]) {
    await frame.getByRole("button", { name: "Show more effects" }).click();
    await frame.getByText(left, { exact: true }).waitFor();
  }
  expect(await frame.getByRole("button", { name: "Show more effects" }).count()).toBe(0);
  await frame.getByText("242 more", { exact: true }).click();
  await until("all of them", async () => (await frame.getByRole("treeitem").count()) === 251);
  expect(faults).toEqual([]);
});

browserTest("the keys n and p go to the neighbours, of the topic or of all", async () => {
  using home = tempDirectory();
  await using server = await startServer(`${home.path}/store`);
  const ids: string[] = [];
  for (const topic of ["a", "b", "a", "b"]) ids.push(await append(server, topic));
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${ids[0]}`);
  const { page, faults } = opened;
  const frame = page.getByRole("complementary", { name: "Frame" });
  const isAt = (at: number) =>
    frame
      .getByText(ids[at] ?? "", { exact: true })
      .first()
      .waitFor();
  await isAt(0);
  // Its topic is known: before, the neighbours are those of all topics.
  const neighbours = frame.getByRole("combobox", { name: "Neighbours" });
  await neighbours.waitFor();
  await page.keyboard.press("n");
  await isAt(2);
  await page.keyboard.press("n");
  await frame.getByText("This is the newest of its topic.").waitFor();
  await page.keyboard.press("p");
  await isAt(0);
  await neighbours.selectOption("of all topics");
  await frame.getByRole("button", { name: "The next frame of all topics" }).click();
  await isAt(1);
  await page.reload();
  await isAt(1);
  await page.keyboard.press("n");
  await isAt(2);
  expect(faults).toEqual([]);
});
