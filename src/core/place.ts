import { predecessor } from "./id.ts";

/**
 * A place in the order of arrival: after one frame. It is a text, and these sort in that order. Of a frame that was not
 * late it is the frame's id. A late frame comes before the frame that reports it, whose id is its position, and after
 * all that came before that; among late frames of one position the order is that of their ids. "" is before all frames.
 */
export type Place = string;

const ID_LENGTH = 25;

/** The place of a frame. @param position of a late frame; absent, or the id, for another */
export function placeOf(id: string, position?: string): Place {
  return position === undefined || position === id ? id : predecessor(position) + id;
}

/** The id of the frame at a place. */
export function idAt(place: Place): string {
  return place.slice(-ID_LENGTH);
}

/** The position of the frame at a place; of one that was not late, its id. */
export function positionAt(place: Place): string {
  if (place.length <= ID_LENGTH) return place;
  const last = String.fromCharCode(place.charCodeAt(ID_LENGTH - 1) + 1);
  return place.slice(0, ID_LENGTH - 1) + last;
}

/** The later of two places. */
export function later(one: Place, other: Place | undefined): Place {
  return other !== undefined && other > one ? other : one;
}
