/**
 * What FLAC and Ogg files tell of how long they should be. Works on bytes and decodes nothing.
 */

import { ascii } from "../bytes.js";

const OGG_HEADER = 27; // bytes before a page's table of segments
const OGG_LAST = 4; // flag of the last page of a stream

/** Why a file is not whole, as far as that shows before it is decoded, or null. */
export function problemOf(bytes: Uint8Array): string | null {
  if (ascii(bytes, 0) !== "OggS") return null;
  const open = new Set<number>(); // streams that are not ended
  let place = 0;
  while (ascii(bytes, place) === "OggS" && place + OGG_HEADER <= bytes.length) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + place);
    const table = bytes.subarray(place + OGG_HEADER, place + OGG_HEADER + view.getUint8(26));
    const stream = view.getUint32(14, true);
    if (view.getUint8(5) & OGG_LAST) open.delete(stream);
    else open.add(stream);
    place += OGG_HEADER + view.getUint8(26) + table.reduce((sum, segment) => sum + segment, 0);
  }
  const isWhole = open.size === 0 && place === bytes.length;
  return isWhole ? null : "truncated or damaged: the file ends before its stream does";
}

/** The duration by the file's own header, or null where it does not tell. */
export function promisedSeconds(bytes: Uint8Array): number | null {
  if (ascii(bytes, 0) !== "fLaC" || bytes.length < 26) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const rate = view.getUint32(18) >>> 12; // 20 bits
  const samples = (view.getUint8(21) & 15) * 2 ** 32 + view.getUint32(22); // 36 bits
  return rate > 0 && samples > 0 ? samples / rate : null;
}
