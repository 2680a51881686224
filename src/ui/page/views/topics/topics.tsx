/** The topics of the store, as a tree. */
export function Topics() {
  return <nav class="topics" aria-label="Topics" />;
}
