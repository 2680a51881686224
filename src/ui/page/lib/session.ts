import { askInspector, messageOf } from "./ask.ts";
import { keepKey, key, keyProblem } from "./key.ts";

/**
 * Takes the key of a link out of the address, where it must not stay, and changes it for one of this tab. It is kept in
 * the storage of the tab, never in a cookie: cookies ignore ports, so another user's server would get it.
 */
export async function takeLinkKey(): Promise<void> {
  const [, link] = /^#key=([\w-]+)$/.exec(location.hash) ?? [];
  if (link === undefined) return;
  history.replaceState(null, "", location.pathname + location.search);
  await redeem(link);
}

/** Changes the key of a link for that of a session. @param link the key, the link that has it, or the store's token */
export async function redeem(link: string): Promise<void> {
  const [, given = link.trim()] = /#key=([\w-]+)$/.exec(link.trim()) ?? [];
  try {
    const response = await askInspector("/key", { method: "POST", body: given });
    const answer = (await response.json()) as { key: string };
    keepKey(answer.key);
  } catch (error) {
    if (!key.peek()) keyProblem.value = messageOf(error);
  }
}
