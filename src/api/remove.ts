import { parseId } from "../core/id.ts";
import type { Call } from "./call.ts";

/** Removes a frame for good; a missing frame is no error. */
export async function remove({ store }: Call, _: object, id: string): Promise<Response> {
  await store.remove(parseId(id));
  return new Response(null, { status: 204 });
}
