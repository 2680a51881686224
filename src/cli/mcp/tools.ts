import type { Allowed } from "./bounds.ts";
import type { Tool } from "./tool.ts";
import { appendTool } from "./tools/append.ts";
import { kvGetTool } from "./tools/kv-get.ts";
import { kvListTool } from "./tools/kv-list.ts";
import { kvPutTool } from "./tools/kv-put.ts";
import { readTool } from "./tools/read.ts";
import { searchTool } from "./tools/search.ts";
import { topicsTool } from "./tools/topics.ts";
import { waitTool } from "./tools/wait.ts";
import { whyTool } from "./tools/why.ts";

/** The tools that a command line offers, in the order in which clients list them. */
export function toolsFor({ append, put }: Allowed): readonly Tool[] {
  return [
    topicsTool,
    readTool,
    searchTool,
    waitTool,
    whyTool,
    kvListTool,
    kvGetTool,
    ...(append.length > 0 ? [appendTool] : []),
    ...(put === undefined ? [] : [kvPutTool]),
  ];
}
