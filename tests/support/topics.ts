/** What a pattern means, said in another way than the code does: part by part, a last `*` for one or more of them. */
function means(pattern: readonly string[], topic: readonly string[]): boolean {
  const [first, ...more] = pattern;
  const [part, ...parts] = topic;
  if (first === undefined || part === undefined) return first === part;
  if (first === "*" && more.length === 0) return true;
  return (first === "*" || first === part) && means(more, parts);
}

/** Tells whether a list of patterns, some with a `!`, takes a topic; `undefined` takes every topic. */
export function topicMatcher(list: readonly string[] | undefined): (topic: string) => boolean {
  const hits = (pattern: string, topic: string) => means(pattern.split("."), topic.split("."));
  return (topic) =>
    !list ||
    (list.some((each) => !each.startsWith("!") && hits(each, topic)) &&
      !list.some((each) => each.startsWith("!") && hits(each.slice(1), topic)));
}
