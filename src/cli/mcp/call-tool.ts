import { XsError } from "../../core/error.ts";
import { answerProblem } from "../kit/connect.ts";
import { systemProblem } from "../kit/system-error.ts";
import { checkArguments } from "./schema.ts";
import type { Tool, ToolCall } from "./tool.ts";

/**
 * Calls a tool. What it cannot do is a result too, with the code and the message of xs: an agent reads it, and tries
 * something else.
 *
 * @throws whatever is no failure that a user can meet
 */
export async function callTool(tool: Tool, given: unknown, call: ToolCall): Promise<object> {
  try {
    const structuredContent = await tool.run(checkArguments(tool.inputSchema, given), call);
    const text = JSON.stringify(structuredContent);
    return { content: [{ type: "text", text }], structuredContent, isError: false };
  } catch (error) {
    if (call.signal.aborted) throw error;
    const message = failureOf(error);
    if (message === undefined) throw error;
    return { content: [{ type: "text", text: message }], isError: true };
  }
}

function failureOf(error: unknown): string | undefined {
  // What failed when the call cleaned up after its error says less.
  if (error instanceof SuppressedError) return failureOf(error.suppressed);
  if (error instanceof XsError) return `${error.code}: ${error.message}`;
  const problem = systemProblem(error) ?? answerProblem(error);
  return problem && `internal: ${problem}`;
}
