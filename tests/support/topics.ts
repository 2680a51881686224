import { scopesOf } from "../../src/core/pattern.ts";

/** Tells whether a topic is in one of these scopes; `undefined` takes every topic. */
export function topicMatcher(scopes: readonly string[] | undefined): (topic: string) => boolean {
  return (topic) => !scopes || scopesOf(topic).some((scope) => scopes.includes(scope));
}
