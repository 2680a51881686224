// The description of the API has all that the router knows, and nothing else.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { version } from "../../package.json";
import { EXAMPLES } from "../../src/api/description/examples.ts";
import { ROUTES } from "../../src/api/routes.ts";
import { ERRORS } from "../../src/core/error.ts";
import { letOriginRead, preflightResponse } from "../../src/net/cors.ts";
import { Home } from "../cli/run-xs.ts";
import { startServer } from "../support/server.ts";
import { Exposed } from "../support/tokens.ts";
import { TEST_MS } from "../support/wait.ts";

setDefaultTimeout(TEST_MS);

interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema?: { readonly default?: unknown };
  readonly content?: object;
  readonly description?: string;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: object;
  readonly responses: Record<string, { description: string; headers: object; content?: object }>;
  readonly security: readonly { token?: string[] }[];
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, { properties: Record<string, object> }> };
}

async function fetched(): Promise<Document> {
  using home = new Home();
  await using server = await startServer(home.store);
  const response = await server.fetch("/-/openapi.json");
  expect(response.headers.get("content-type")).toBe("application/json");
  return (await response.json()) as Document;
}
const DOCUMENT = await fetched();

/** A path in the form that both tables share: `/:` for any name. */
const form = (path: string) => path.replace(/:\w+\+?|\{\w+\}/, ":");
const ITEMS = new Map(Object.entries(DOCUMENT.paths).map(([path, item]) => [form(path), item]));
const OPERATIONS = Object.values(DOCUMENT.paths).flatMap((item) => Object.values(item));
const named = (parameters: readonly Parameter[], place: string) =>
  parameters.filter((each) => each.in === place).map(({ name }) => name);

test("it is OpenAPI 3.1 of this version", () => {
  expect(DOCUMENT.openapi).toStartWith("3.1.");
  expect(DOCUMENT.info).toMatchObject({ title: "xs", version });
});

describe("the router", () => {
  test.each(ROUTES.map((row) => [`${row.method} ${row.path}`, row] as const))(
    "%s is described",
    (_, route) => {
      const item = ITEMS.get(form(route.path)) ?? {};
      const operation = item[route.method.toLowerCase()] as Operation;
      expect(operation.summary).toBe(route.about);
      const { parameters, responses } = operation;
      expect(named(parameters, "query")).toEqual(Object.keys(route.options));
      expect(named(parameters, "header")).toEqual([...route.headers]);
      expect(named(parameters, "path")).toHaveLength(route.path.includes(":") ? 1 : 0);
      for (const { schema, content, description, in: place } of parameters) {
        expect(schema ?? content).toBeDefined();
        if (place !== "path") expect(description).toMatch(/./);
      }
      for (const [name, { absent }] of Object.entries(route.options)) {
        const { schema } = parameters.find((each) => each.name === name) as Parameter;
        if (absent !== undefined && name !== "content")
          expect(schema?.default).toBe(String(absent));
      }
      expect(operation.requestBody !== undefined).toBe((route.body ?? "none") !== "none");
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(Object.keys(route.responses)));
      for (const code of route.errors) {
        const [status] = ERRORS[code];
        expect(responses[status]?.description.split(", ")).toContain(`\`${code}\``);
        expect(JSON.stringify(responses[status]?.content)).toContain(`/${code}"`);
      }
      expect(operation.security).toEqual([{ token: [route.need] }, {}]);
      if (route.method !== "GET") return;
      const head = item.head as Operation;
      expect(head.parameters).toEqual(parameters);
      expect(Object.keys(head.responses)).toEqual(Object.keys(responses));
      expect(JSON.stringify(head)).not.toContain('"content":{"application/problem');
    },
  );

  test("answers OPTIONS with the methods that are described, and no others", async () => {
    using home = new Home();
    await using server = await startServer(home.store);
    for (const [path, item] of ITEMS) {
      const allowed = new Set<string>();
      for (const { method, path: its } of ROUTES) {
        if (form(its) !== path) continue;
        const name = encodeURIComponent(EXAMPLES[`${method} ${its}`]?.name ?? "");
        const { headers } = await server.fetch(
          path.replace(":", () => name),
          { method: "OPTIONS" },
        );
        for (const each of headers.get("allow")?.split(", ") ?? []) allowed.add(each);
      }
      const described = Object.keys(item).map((method) => method.toUpperCase());
      expect([path, ...allowed].sort()).toEqual([path, ...described].sort());
    }
  });
});

test("each operation has a name of its own", () => {
  const names = OPERATIONS.map(({ operationId }) => operationId);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z][A-Za-z0-9]*$/);
});

test("each code of an error has a problem document with its status", () => {
  for (const [code, [status, title]] of Object.entries(ERRORS)) {
    expect(DOCUMENT.components.schemas[code]?.properties).toMatchObject({
      code: { const: code },
      status: { const: status },
      title: { const: title },
    });
  }
});

test("pages may send every header that is described, and read those that tokens get", () => {
  const { headers } = preflightResponse(new Request("http://xs/"), "http://a");
  const allowed = headers.get("access-control-allow-headers")?.split(", ");
  const taken = new Set(OPERATIONS.flatMap(({ parameters }) => named(parameters, "header")));
  expect(allowed?.toSorted()).toEqual(
    [...taken, "accept", "authorization", "content-type"].toSorted(),
  );
  const response = new Response();
  letOriginRead(response, "http://a");
  const exposed = response.headers.get("access-control-expose-headers")?.split(", ");
  // What is for browsers and proxies alone, and what the owner alone gets.
  const others =
    /^(cache-control|x-accel-buffering|x-content-type-options|content-security-policy)$/;
  const sent = OPERATIONS.filter(({ security }) => security[0]?.token?.[0] !== "owner")
    .flatMap(({ responses }) => Object.values(responses))
    .flatMap(({ headers }) => Object.keys(headers))
    .filter((name) => !others.test(name));
  expect(exposed).toEqual(expect.arrayContaining(sent));
});

test("a token reads it, also over TCP, and nobody without one", async () => {
  await using it = await Exposed.start();
  const token = await it.add("reader", "--read", "note");
  const asked = await it.ask(token, "GET /-/openapi.json");
  expect(await asked.json()).toEqual(DOCUMENT as never);
  expect(await it.outcome("", "GET /-/openapi.json")).toBe("401 unauthorized");
  expect((await it.ask(token, "HEAD /-/openapi.json")).status).toBe(200);
});
