/** Tags around MPEG and FLAC audio: ID3, APE, Lyrics3. Knows lengths, no text. */

import { ascii } from "./bytes.js";

const ID3V1_BYTES = 128;
const ID3V1_EXTENDED_BYTES = 227;
const APE_BYTES = 32; // of its header and of its footer
const LYRICS = "LYRICSBEGIN";
const LYRICS_ENDS = ["LYRICS200", "LYRICSEND"];
const MAX_LYRICS_BYTES = 1 << 17;

/** Return the bytes of the ID3v2 tag at a place, 0 where there is none. */
export function id3Size(bytes: Uint8Array, place = 0): number {
  const sizes = bytes.subarray(place + 6, place + 10);
  if (!ascii(bytes, place).startsWith("ID3") || sizes.length < 4) return 0;
  if (sizes.some((byte) => byte > 0x7f)) return 0;
  const footer = ((bytes[place + 5] ?? 0) & 0x10) === 0 ? 0 : 10;
  return sizes.reduce((sum, byte) => sum * 128 + byte, 0) + 10 + footer;
}

/** Return the bytes of the tag at a place, 0 where there is none. */
export function tagSize(bytes: Uint8Array, place: number): number {
  const mark = ascii(bytes, place);
  if (mark === "TAG+") return ID3V1_EXTENDED_BYTES;
  if (mark.startsWith("TAG")) return ID3V1_BYTES;
  if (mark === "APET" && ascii(bytes, place + 4) === "AGEX" && place + APE_BYTES <= bytes.length) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + place, APE_BYTES);
    const isHeader = (view.getUint8(23) & 0x20) !== 0;
    return isHeader ? view.getUint32(12, true) + APE_BYTES : APE_BYTES;
  }
  if (mark === "LYRI") return lyricsSize(bytes.subarray(place, place + MAX_LYRICS_BYTES));
  return id3Size(bytes, place);
}

function lyricsSize(bytes: Uint8Array): number {
  const text = new TextDecoder("latin1").decode(bytes);
  if (!text.startsWith(LYRICS)) return 0;
  const ends = LYRICS_ENDS.map((mark) => ({ at: text.indexOf(mark), size: mark.length }));
  const found = ends.filter(({ at }) => at >= 0).map(({ at, size }) => at + size);
  return found.length === 0 ? 0 : Math.min(...found);
}
