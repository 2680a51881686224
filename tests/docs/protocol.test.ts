// The tables of docs/protocol.md say what the server does: they are checked against the table of routes.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { READ_OPTIONS } from "../../src/api/cat.ts";
import { REQUEST_HEADERS, RESPONSE_HEADERS } from "../../src/api/description/headers.ts";
import type { Route } from "../../src/api/route.ts";
import { ROUTES } from "../../src/api/routes.ts";
import { ERRORS } from "../../src/core/error.ts";

const PAGE = await Bun.file(join(import.meta.dir, "../../docs/protocol.md")).text();
/** What a client may send with any request, whatever its route. */
const OF_ALL = ["accept", "authorization", "content-type", "xs-reached"];

/** The rows of the tables with these columns, a list of cells each. */
function rows(...columns: string[]): string[][] {
  const lines = PAGE.split("\n");
  const cells = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const heads = lines.flatMap((line, at) =>
    line.startsWith("|") && Bun.deepEquals(cells(line), columns) ? [at] : [],
  );
  expect(heads.length, `docs/protocol.md has a table of ${columns.join(", ")}`).toBeGreaterThan(0);
  return heads.flatMap((head) => {
    const rest = lines.slice(head + 2);
    return rest
      .slice(
        0,
        rest.findIndex((line) => !line.startsWith("|")),
      )
      .map(cells);
  });
}

/** What stands between backticks. */
function codes(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

/** The requests in a cell: `GET /a`, or several methods before a path, or several paths behind a method. */
function requestsIn(cell: string): string[] {
  const requests: string[] = [];
  let methods: string[] = [];
  let isOver = true;
  for (const code of codes(cell)) {
    const [, method, path] = /^(?:([A-Z]+) ?)?(\/.*)?$/.exec(code) ?? [];
    if (method !== undefined) methods = isOver ? [method] : [...methods, method];
    isOver = path !== undefined;
    if (path !== undefined) requests.push(...methods.map((each) => `${each} ${path}`));
  }
  return requests;
}

/** The options in a cell of the table of requests. */
function optionsIn(cell: string): string[] {
  if (cell.startsWith("see [Reading]")) return Object.keys(READ_OPTIONS);
  if (!cell.startsWith("the same, without")) return codes(cell);
  return Object.keys(READ_OPTIONS).filter((name) => !codes(cell).includes(name));
}

const nameOf = ({ method, path }: Route) => `${method} ${path.replace("+", "")}`;

describe("docs/protocol.md", () => {
  test("has every request with its options, and no other", () => {
    const written = new Map<string, string[]>();
    for (const [requests = "", options = ""] of rows("request", "options", "effect")) {
      for (const request of requestsIn(requests)) {
        expect([...written.keys()], `${request} stands there once`).not.toContain(request);
        written.set(request, optionsIn(options).sort());
      }
    }
    const there = ROUTES.map((row) => [nameOf(row), Object.keys(row.options).sort()] as const);
    expect([...written].sort()).toEqual([...there].sort() as [string, string[]][]);
  });

  test("has every option of a read, with its alias", () => {
    const written = rows("option", "alias", "meaning").flatMap(([option, alias]) => [
      ...codes(option),
      ...codes(alias),
    ]);
    expect(written.sort()).toEqual(Object.keys(READ_OPTIONS).sort());
  });

  test("has every code of an error with its status", () => {
    const written = rows("status", "codes").flatMap(([status, cell = ""]) =>
      // Other words between backticks are headers and members.
      codes(cell.replaceAll(/, with `\w+`/g, "")).map((code) => [code, Number(status)] as const),
    );
    const there = Object.entries(ERRORS).map(([code, [status]]) => [code, status] as const);
    expect(written.toSorted()).toEqual(there.toSorted());
  });

  test("has every header, with the requests that take it", () => {
    const written = rows("header of a request", "requests", "meaning").map(
      ([header, requests = ""]) => [
        codes(header)[0]?.toLowerCase() ?? "",
        requestsIn(requests).sort(),
      ],
    );
    const takers = (header: string) =>
      ROUTES.filter(({ headers }) => headers.includes(header as never)).map(nameOf);
    for (const header of Object.keys(REQUEST_HEADERS)) {
      if (OF_ALL.includes(header)) expect(takers(header)).toHaveLength(ROUTES.length);
    }
    const taken = Object.keys(REQUEST_HEADERS)
      .filter((header) => !OF_ALL.includes(header))
      .map((header) => [header, takers(header).sort()]);
    const ofSome = written.filter(([header]) => !OF_ALL.includes(header as string));
    expect(ofSome.toSorted()).toEqual(taken.toSorted());
    expect(written.map(([header]) => header)).toEqual(expect.arrayContaining(OF_ALL));
    const sent = rows("header of a response", "meaning").flatMap(([header]) => codes(header));
    expect(sent.map((name) => name.toLowerCase()).sort()).toEqual(
      Object.keys(RESPONSE_HEADERS).sort(),
    );
  });
});
