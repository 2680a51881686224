// Each example of the description of the API is a request that is run here, and its response.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { EXAMPLES, type Example } from "../../src/api/description/examples.ts";
import { ROUTES } from "../../src/api/routes.ts";
import { Home } from "../cli/run-xs.ts";
import { missingPython, PYTHON } from "../support/python.ts";
import { type Server, startServer } from "../support/server.ts";
import { TEST_MS, until } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

type Json = { [member: string]: unknown };
interface Operation {
  readonly requestBody?: { content: Record<string, { schema: Json }> };
  readonly responses: Record<string, { content?: Record<string, { schema: Json }> }>;
}

const python = missingPython();

/** What differs from one run to the next, or with the version: ids, tokens, times. */
function fixed(text: string): string {
  return text
    .replace(/\bxs_[\w-]{43}\b/g, "TOKEN")
    .replace(/"version":"[^"]*"/g, '"version":"VERSION"')
    .replace(/"created":"[^"]*"/g, '"created":"TIME"')
    .replace(/\b0[0-9a-z]{24}\b/g, "ID");
}

describe("on a server", () => {
  let home: Home;
  let server: Server;
  let document: { paths: Record<string, Record<string, Operation>> };
  /** Schemas with the values that have to fit them. */
  const values: [schema: Json, value: unknown, name: string][] = [];

  beforeAll(async () => {
    home = new Home();
    server = await startServer(home.store);
    document = (await (await server.fetch("/-/openapi.json")).json()) as typeof document;
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    home[Symbol.dispose]();
  });

  async function ask(method: string, path: string, body?: string): Promise<string> {
    const headers = { "content-type": "text/plain" };
    const response = await server.fetch(path, {
      method,
      ...(body !== undefined && { body, headers }),
    });
    return await response.text();
  }

  /** Makes what the examples name, as it was before any of them. Returns the id of a scheduled append. */
  async function prepare(): Promise<string> {
    await ask("DELETE", "/stream/note");
    const imported = EXAMPLES["POST /import"]?.body as string;
    await ask("POST", "/import?restore", imported);
    await ask("PUT", "/kv/app%2Ftheme", "dark");
    await ask("PUT", "/-/keep/sensor.*?age=30d");
    await ask("DELETE", "/-/tokens/phone");
    await ask("POST", "/-/tokens", JSON.stringify(EXAMPLES["POST /-/tokens"]?.body));
    const due = await ask("GET", "/-/scheduled");
    if (due === "") await ask("POST", "/remind?at=2099-12-24T18:00Z", "call Anna");
    return /"scheduled":"([^"]*)/.exec(await ask("GET", "/-/scheduled"))?.[1] ?? "";
  }

  test.each(ROUTES.map(({ method, path }) => [`${method} ${path}`] as const))(
    "%s",
    async (route) => {
      const example = EXAMPLES[route] as Example;
      expect(example, `src/api/description/examples.ts has an example of ${route}`).toBeDefined();
      const scheduled = await prepare();
      if (route === "POST /-/tokens") await ask("DELETE", "/-/tokens/phone");
      const [method = "", template = ""] = route.split(" ");
      const name = route.includes("/scheduled/") ? scheduled : (example.name ?? "");
      const path = template.replace(/:\w+\+?/, () => encodeURIComponent(name));
      const query = new URLSearchParams(example.query).toString();
      const { body } = example;
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const asked = () =>
        server.fetch(`${path}${query === "" ? "" : `?${query}`}`, {
          method,
          headers: { ...example.headers, ...(example.type && { "content-type": example.type }) },
          ...(text !== undefined && { body: text }),
        });
      // The index of the search is made meanwhile.
      const isFound = async () => (await (await asked()).text()).startsWith('{"topic"');
      if (route === "GET /-/search") await until("the frame is found", isFound);
      const response = await asked();
      const got = await response.text();
      expect([got, response.status]).toEqual([got, example.status ?? 200]);
      const type = (response.headers.get("content-type") ?? "").replace(/;.*/, "");
      if (got !== "") expect(type).toBe(example.responseType ?? "application/json");
      if (example.response !== undefined) {
        const wanted = example.response;
        const line = `${JSON.stringify(wanted)}\n`;
        expect(fixed(got)).toBe(fixed(typeof wanted === "string" ? wanted : line));
      }
      for (const header of Object.keys(example.headers ?? {})) {
        expect(ROUTES.find((row) => `${row.method} ${row.path}` === route)?.headers).toContain(
          header as never,
        );
      }
      const operation = operationOf(route);
      const described = operation.responses[String(response.status)];
      expect(Object.keys(described?.content ?? {}).join()).toMatch(
        got === "" ? /^|ndjson/ : new RegExp(`${RegExp.escape(type)}|\\*/\\*`),
      );
      collect(route, described?.content?.[type]?.schema, got);
      const sent = operation.requestBody?.content[example.type ?? ""]?.schema;
      if (typeof body === "string") collect(`${route} (its body)`, sent, body);
    },
  );

  function operationOf(route: string): Operation {
    const [method = "", path = ""] = route.split(" ");
    const form = (text: string) => text.replace(/:\w+\+?|\{\w+\}/, ":");
    const [, item] = Object.entries(document.paths).find(([each]) => form(each) === form(path)) as [
      string,
      Record<string, Operation>,
    ];
    return item[method.toLowerCase()] as Operation;
  }

  function collect(name: string, schema: Json | undefined, text: string): void {
    const list = schema?.contentSchema as { items: Json } | undefined;
    const lines = text.split("\n").filter((line) => line !== "");
    if (list) for (const line of lines) values.push([list.items, JSON.parse(line), name]);
    else if (schema && /^[{[]/.test(text)) values.push([schema, JSON.parse(text), name]);
  }

  test("there is no example of a route that is not there", () => {
    const routes = ROUTES.map(({ method, path }) => `${method} ${path}`);
    expect(Object.keys(EXAMPLES).filter((route) => !routes.includes(route))).toEqual([]);
  });

  test.skipIf(python !== undefined)(
    `the document is OpenAPI 3.1, and what was sent and received fits it (${python ?? "checked"})`,
    async () => {
      expect(values.length).toBeGreaterThan(20);
      const files = [document, values].map((content, at) => {
        const path = join(home.path, `${at}.json`);
        writeFileSync(path, JSON.stringify(content));
        return path;
      });
      const check = join(import.meta.dir, "schemathesis/check.py");
      const { code, stdout, stderr } = await home.run([PYTHON, check, ...files], {});
      expect([code, stdout, stderr]).toEqual([0, "", ""]);
    },
  );
});
