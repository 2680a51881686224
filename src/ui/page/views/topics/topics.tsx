/** The topics of the store, as a tree. */
export function Topics(_: { chosen: string }) {
  return <nav class="topics" aria-label="Topics" />;
}
