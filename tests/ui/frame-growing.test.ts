import { expect, setDefaultTimeout } from "bun:test";
import { browserTest } from "../support/browser.ts";
import { Inspector, InspectorPage } from "../support/inspector.ts";
import { type Server, startServer } from "../support/server.ts";
import { tempDirectory } from "../support/temp.ts";
import { LineReader, TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

/** An append of which the test sends the pieces. */
class Growing {
  readonly #sender: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: Promise<LineReader>;

  constructor(server: Server, topic: string) {
    const body = new TransformStream<Uint8Array, Uint8Array>();
    this.#sender = body.writable.getWriter();
    const response = server.fetch(`/stream/${topic}?chunked=lines`, {
      method: "POST",
      body: body.readable,
    });
    this.#answers = response.then((answer) => new LineReader(answer.body));
  }

  /** Sends lines, and returns the ids of their parts once they are durable. */
  async send(lines: readonly string[]): Promise<string[]> {
    await this.#sender.write(new TextEncoder().encode(lines.map((line) => `${line}\n`).join("")));
    const answers = await (await this.#answers).take(lines.length);
    return answers.map((answer) => (JSON.parse(answer) as { id: string }).id);
  }

  async end(): Promise<void> {
    await this.#sender.close();
    await (await this.#answers).rest();
  }
}

browserTest(
  "a content that comes in parts is shown as it grows, by bounded reads alone",
  async () => {
    using home = tempDirectory();
    await using server = await startServer(`${home.path}/store`);
    const growing = new Growing(server, "log.build");
    const [id = "", second = ""] = await growing.send(["line 1", "line 2"]);
    await using it = await Inspector.start(server.directory);
    await using opened = await InspectorPage.open(it);
    const { page, faults } = opened;
    const paths: string[] = [];
    const whole: string[] = [];
    page.on("request", (request) => {
      paths.push(request.url());
      const { pathname } = new URL(request.url());
      // The rows of the stream read the begin, and end that.
      if (pathname.endsWith("/content") && !request.headers().range) whole.push(pathname);
    });
    await page.goto(`${it.origin}/?frame=${id}`);
    const frame = page.getByRole("complementary", { name: "Frame" });
    await frame.locator("pre").getByText("line 2").waitFor();
    await frame.getByText("2 parts so far: it grows.").waitFor();
    // Others write to the same topic.
    await server.append("log.build", "of another");
    await growing.send(["line 3", "line é"]);
    await frame.locator("pre").getByText("line é").waitFor();
    await growing.send(Array.from({ length: 500 }, (_, n) => `many ${n}`));
    await frame.locator("pre").getByText("many 499").waitFor();
    await growing.end();
    await frame.getByText("It came in 504 parts.").waitFor();
    const text = await frame.locator("pre").textContent();
    const wanted = ["line 1", "line 2", "line 3", "line é"];
    wanted.push(...Array.from({ length: 500 }, (_, n) => `many ${n}`));
    expect(text?.trimEnd()).toBe(wanted.join("\n"));
    // One following read a page: that of the stream.
    expect(paths.filter((path) => path.includes("follow=")).length).toBe(1);
    expect(whole).toEqual([]);
    // A part shows itself, and leads to the whole.
    await page.goto(`${it.origin}/?frame=${second}`);
    await frame.getByText("Part 2 of a content that came in parts.").waitFor();
    expect((await frame.locator("pre").textContent())?.trimEnd()).toBe("line 2");
    await frame.getByRole("link", { name: "All of it" }).click();
    await frame.locator("pre").getByText("many 499").waitFor();
    expect(faults).toEqual([]);
  },
);

browserTest("a content whose sender was killed is told of as broken off", async () => {
  using home = tempDirectory();
  const directory = `${home.path}/store`;
  let id = "";
  {
    await using server = await startServer(directory);
    const growing = new Growing(server, "log.build");
    [id = ""] = await growing.send(["half"]);
    await server.stop("SIGKILL");
  }
  await using server = await startServer(directory);
  await using it = await Inspector.start(server.directory);
  await using opened = await InspectorPage.open(it, `?frame=${id}`);
  const frame = opened.page.getByRole("complementary", { name: "Frame" });
  await frame.getByText("It came in 1 part, and broke off").waitFor();
  await frame.locator("pre").getByText("half").waitFor();
  expect(opened.faults).toEqual([]);
});
