import { timestampOf } from "../../../core/id.ts";
import { formatTime } from "../../../core/time.ts";
import { linesOf } from "../../kit/response-lines.ts";
import type { ListedTopic } from "../../terminal/topic-node.ts";
import { READS, type Tool } from "../tool.ts";
import { TOPIC_ARGUMENT } from "./read.ts";

/** The most topics of one answer, and those of one that does not say. */
const MAX_TOPICS = 300;
const TOPICS = 100;

export const topicsTool: Tool = {
  name: "topics",
  title: "List topics",
  description: `Lists the topics that have frames by name, each with the number of its frames, the ids of the first and the last one, and the time of the last. Call it first, to see what there is; stream.cross.* is what xs reports of itself. If truncated is true there are more: repeat the call with after set to next.
Examples: {}; those of others than xs itself {"topic":"*,!stream.cross.*"}; {"topic":"sensor.*"}`,
  inputSchema: {
    type: "object",
    properties: {
      topic: TOPIC_ARGUMENT,
      after: { type: "string", description: "a topic: only those behind it" },
      limit: {
        type: "integer",
        minimum: 1,
        most: MAX_TOPICS,
        default: TOPICS,
        description: `at most so many topics; an answer has ${MAX_TOPICS} at most`,
      },
    },
    additionalProperties: false,
  },
  outputSchema: {
    type: "object",
    properties: {
      topics: {
        type: "array",
        items: {
          type: "object",
          properties: {
            topic: { type: "string" },
            frames: { type: "integer", description: "how many there are" },
            first: { type: "string", description: "the id of the oldest" },
            last: { type: "string", description: "the id of the newest" },
            time: { type: "string", description: "when the newest was appended, UTC" },
          },
          required: ["topic", "frames", "first", "last", "time"],
        },
      },
      truncated: { type: "boolean", description: "there are more topics" },
      next: { type: "string", description: "if there are more: the topic to pass as after" },
    },
    required: ["topics", "truncated"],
  },
  annotations: READS,
  async run({ topic, after = "", limit }, { store, bounds, signal }) {
    const query = new URLSearchParams(bounds.topicQuery(topic as string | undefined));
    return store.use(async (client) => {
      const response = await client.request(`/-/topics?${query}`, { signal });
      const topics: object[] = [];
      let next: string | undefined;
      for await (const line of linesOf(response)) {
        const row = JSON.parse(line) as ListedTopic;
        // Topics are ASCII, so they come in this order.
        if (row.topic <= String(after) || !bounds.shows(row.topic)) continue;
        if (topics.length >= Number(limit)) return { topics, truncated: true, next };
        topics.push({ ...row, time: formatTime(timestampOf(row.last)) });
        next = row.topic;
      }
      return { topics, truncated: false };
    });
  },
};
