import { version } from "../../version.ts";
import type { Method, Route } from "../route.ts";
import { BODIES, type Body } from "./bodies.ts";
import { EXAMPLES, type Example } from "./examples.ts";
import { REQUEST_HEADERS } from "./headers.ts";
import { headersOf, problemResponses, problemSchemas, successResponses } from "./outcomes.ts";
import { SCHEMAS } from "./schemas.ts";
import { type Schema, VALUES, type ValueType } from "./values.ts";

/** A part of the document: JSON. */
type Part = { readonly [member: string]: unknown };

/** Makes the description of the API (https://spec.openapis.org/oas/v3.1.1) from the table of routes. */
export function describe(routes: readonly Route[]): Part {
  const paths = Map.groupBy(routes, ({ path }) => path.replace(/:\w+\+?/, ":"));
  return {
    openapi: "3.1.1",
    info: {
      title: "xs",
      version,
      summary: "an event stream store",
      description: ABOUT,
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "where this document comes from" }],
    paths: Object.fromEntries([...paths.values()].map(pathItem)),
    components: {
      schemas: { ...SCHEMAS, ...problemSchemas() },
      headers: headersOf(),
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: ABOUT_TOKENS },
      },
    },
  };
}

const ABOUT =
  "docs/protocol.md has the contract in prose. On the unix socket of a store no request needs a token. Every GET also answers HEAD. Lines of JSON (NDJSON) have the schema of a line in `contentSchema`.";
const ABOUT_TOKENS =
  "The token of the owner, in the file `token` of the store, or one that `xs token add` made. Behind each operation stands what a token has to be for; `owner` is for that of the owner alone.";

/** The path and its operations. Two routes may name the same segment differently. */
function pathItem(routes: readonly Route[]): [string, Part] {
  const names = new Set(routes.map(({ path }) => nameIn(path)));
  const name = [...names].join("_or_");
  const path = (routes[0]?.path ?? "").replace(/:\w+\+?/, `{${name}}`);
  const operations = routes.flatMap((route): [string, Part][] => {
    const operation: [string, Part] = [route.method.toLowerCase(), operationOf(route, name)];
    return route.method === "GET" ? [operation, ["head", headOf(route, name)]] : [operation];
  });
  return [path, Object.fromEntries(operations)];
}

function operationOf(route: Route, name: string): Part {
  const example: Example | undefined = EXAMPLES[`${route.method} ${route.path}`];
  const body = route.body && route.body !== "none" ? BODIES[route.body] : undefined;
  return {
    operationId: operationId(route.method, route.path),
    summary: route.about,
    parameters: parametersOf(route, name, example),
    ...(body && { requestBody: requestBody(body, example) }),
    responses: { ...successResponses(route, example), ...problemResponses(route) },
    security: [{ token: [route.need] }, {}],
  };
}

/** HEAD answers as GET does, without a body. */
function headOf(route: Route, name: string): Part {
  const { operationId: _, responses, ...operation } = operationOf(route, name);
  const bare = Object.entries(responses as Record<string, Part>).map(
    ([status, { content: _, ...response }]) => [status, response],
  );
  return {
    operationId: operationId("HEAD", route.path),
    ...operation,
    responses: Object.fromEntries(bare),
  };
}

function parametersOf(route: Route, name: string, example: Example | undefined): Part[] {
  const parameters: Part[] = [];
  if (route.name && name !== "") {
    parameters.push({
      name,
      in: "path",
      required: true,
      schema: VALUES[route.name],
      ...(example?.name !== undefined && { example: example.name }),
    });
  }
  for (const [option, { about, type }] of Object.entries(route.options)) {
    const value = example?.query?.[option];
    parameters.push({
      name: option,
      in: "query",
      description: about,
      schema: VALUES[type],
      ...(value !== undefined && { example: typed(type, value) }),
    });
  }
  for (const header of route.headers) {
    const { about, type } = REQUEST_HEADERS[header];
    const value = example?.headers?.[header];
    parameters.push({
      name: header,
      in: "header",
      description: about,
      ...(type === "json"
        ? {
            content: {
              "application/json": {
                schema: {},
                ...(value !== undefined && { example: JSON.parse(value) }),
              },
            },
          }
        : { schema: VALUES[type], ...(value !== undefined && { example: value }) }),
    });
  }
  return parameters;
}

/** The value of an example, as its schema has it: a number where that takes one alone. */
function typed(type: ValueType, value: string): string | number {
  return (VALUES[type] as Schema).type === "integer" ? Number(value) : value;
}

function requestBody({ about, required = false, media }: Body, example: Example | undefined): Part {
  const content = Object.entries(media).map(([type, schema]) => {
    const isOfType = example?.type === type || Object.keys(media).length === 1;
    const { body } = example ?? {};
    return [type, { schema, ...(isOfType && body !== undefined && { example: body }) }];
  });
  return { description: about, required, content: Object.fromEntries(content) };
}

function nameIn(path: string): string {
  return /:(\w+)/.exec(path)?.[1] ?? "";
}

/** A name for generated code, as `getStreamByTopic`. */
function operationId(method: Method | "HEAD", path: string): string {
  const words = path.split(/[/.]/).filter((part) => part !== "" && part !== "-");
  const names = words.map((word) =>
    word.startsWith(":") ? `By${capital(nameIn(word))}` : capital(word),
  );
  return method.toLowerCase() + (names.join("") || "Stream");
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
