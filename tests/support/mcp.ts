import { expect } from "bun:test";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { plainEnv, XS } from "./server.ts";

/** No answer that can be cut is longer, in characters. */
const MAX_ANSWER = 60_000;

/** The two ways to begin: with a handshake, and with the revision in each request. */
export type Era = "2025-11-25" | "2026-07-28";

/** An answer of a tool, as an agent gets it. */
export interface Answer {
  readonly isError: boolean;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: each tool has another
  readonly value: any;
}

/** `xs mcp` with the official client at its other end. */
export class Agent implements AsyncDisposable {
  readonly client: Client;
  readonly transport: StdioClientTransport;
  /** The process of the server. */
  readonly pid: number;

  private constructor(client: Client, transport: StdioClientTransport) {
    this.client = client;
    this.transport = transport;
    this.pid = transport.pid ?? 0;
  }

  /** @param args of `xs mcp` */
  static async start(
    home: string,
    args: readonly string[],
    { era = "2025-11-25" as Era, env = {} as Record<string, string> } = {},
  ): Promise<Agent> {
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode: era === "2025-11-25" ? "legacy" : { pin: era } } },
    );
    const transport = new StdioClientTransport({
      command: XS,
      args: ["mcp", ...args],
      cwd: home,
      env: { ...plainEnv(home), ...env },
      stderr: "ignore",
    });
    await client.connect(transport);
    // The client checks each answer against the schema that the server lists.
    await client.listTools();
    return new Agent(client, transport);
  }

  /** Calls a tool. */
  async call(
    name: string,
    given: Record<string, unknown> = {},
    options: Parameters<Client["callTool"]>[1] = {},
  ): Promise<Answer> {
    const result = await this.client.callTool({ name, arguments: given }, options);
    const [first] = result.content;
    const text = first?.type === "text" ? first.text : "";
    return { isError: result.isError === true, text, value: result.structuredContent };
  }

  /** Calls a tool that has to succeed, and gives what it returns. */
  async ok(name: string, given: Record<string, unknown> = {}): Promise<Answer["value"]> {
    const { isError, text, value } = await this.call(name, given);
    if (isError) throw new Error(`${name} ${JSON.stringify(given)}: ${text}`);
    expect(text.length).toBeLessThan(MAX_ANSWER);
    expect(JSON.parse(text)).toEqual(value);
    return value;
  }

  /** Calls a tool that has to fail, and gives the message. */
  async fails(name: string, given: Record<string, unknown> = {}): Promise<string> {
    const { isError, text } = await this.call(name, given);
    if (!isError) throw new Error(`${name} ${JSON.stringify(given)} succeeded: ${text}`);
    return text;
  }

  /** Calls a tool for page after page, and gives what all of them list, as long as an answer may be. */
  // biome-ignore lint/suspicious/noExplicitAny: each tool has another
  async all(name: string, list: string, given: Record<string, unknown> = {}): Promise<any[]> {
    const found = [];
    let after: string | undefined;
    do {
      const page = await this.ok(name, { ...given, ...(after !== undefined && { after }) });
      expect(page.truncated).toBe(page.next !== undefined);
      found.push(...page[list]);
      after = page.next;
    } while (after !== undefined);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
  }
}
