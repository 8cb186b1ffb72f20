/**
 * Damaged, truncated and joined FLAC files, frame by frame: decoders stop at a damaged frame or leave
 * it out. Decodes nothing.
 */

import { ascii } from "./bytes.js";
import { id3Size } from "./tags.js";

/** The length of a FLAC file by its own account. */
export interface FlacLength {
  readonly sampleRate: number; // Hz
  readonly promised: number; // samples a channel, by the header; 0: not known
  readonly counted: number; // samples a channel, by the frames
  readonly hasShortEnd: boolean; // the last frame is shorter than the first, as only the last may be
  readonly problem: string | null; // the reason why the frames are not all there
  readonly places: readonly number[]; // bytes where frames start, and the last one's end
}

/** Check every frame's checksum; null where the file is no FLAC. */
export function flacLength(bytes: Uint8Array): FlacLength | null {
  const start = id3Size(bytes);
  if (ascii(bytes, start) !== "fLaC" || bytes.length < start + 42) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const header = {
    sampleRate: view.getUint32(18) >>> 12, // 20 bits
    promised: (view.getUint8(21) & 15) * 2 ** 32 + view.getUint32(22), // 36 bits
  };
  const hasTag = ascii(bytes, bytes.length - 128).startsWith("TAG"); // ID3v1
  const frames = bytes.subarray(0, bytes.length - (hasTag ? 128 : 0));
  return { ...header, ...countFrames(frames, skipMetadata(bytes, start + 4)) };
}

/** Return the samples a channel that a whole file gives. */
export function flacSamples({ promised, counted, hasShortEnd }: FlacLength): number {
  // A header's count may be wrong; a last frame that is shorter than the others is the last.
  return hasShortEnd ? counted : Math.max(promised, counted);
}

function countFrames(
  bytes: Uint8Array,
  start: number,
): Pick<FlacLength, "counted" | "hasShortEnd" | "problem" | "places"> {
  const places: number[] = [start];
  let counted = 0;
  let first = 0; // samples of the first frame
  let hasShortEnd = false;
  let place = start;
  while (place < bytes.length) {
    const length = frameLength(bytes, place);
    if (length === 0) {
      const problem =
        ascii(bytes, place) === "fLaC"
          ? "recordings one behind another (joined FLAC files), of which decoders may read only the " +
            "first; convert it: ffmpeg -i FILE new.wav"
          : `damaged: no frame starts at byte ${place}`;
      return { counted, hasShortEnd, problem, places };
    }
    const frame = place;
    let rest = 0;
    do {
      // To the frame's end: its checksum fits, and another begins or the file ends.
      const byte = bytes[place++];
      if (byte === undefined) {
        const problem = `truncated or damaged: the frame at byte ${frame} is not the one that was written`;
        return { counted, hasShortEnd, problem, places };
      }
      rest = ((rest << 8) ^ (TABLE[(rest >> 8) ^ byte] ?? 0)) & 0xffff;
    } while (rest !== 0 || !isFrameEnd(bytes, place));
    counted += length;
    first ||= length;
    hasShortEnd = length < first;
    places.push(place);
  }
  return { counted, hasShortEnd, problem: null, places };
}

function isFrameEnd(bytes: Uint8Array, place: number): boolean {
  return (
    place >= bytes.length || frameLength(bytes, place) > 0 || ascii(bytes, place) === "fLaC"
  );
}

/** Return the samples a channel of the frame whose header stands at `place`, 0 where none does. */
function frameLength(bytes: Uint8Array, place: number): number {
  const at = (i: number): number => bytes[place + i] ?? 0;
  const [code, rate] = [at(2) >> 4, at(2) & 15];
  if (at(0) !== 0xff || (at(1) & 0xfe) !== 0xf8 || code === 0 || rate === 15) return 0;
  if (at(3) >> 4 > 10 || (at(3) & 1) !== 0) return 0;
  let size = 5; // the number's first byte tells how many follow it
  for (let bit = 0x40; (at(4) & 0x80) !== 0 && (at(4) & bit) !== 0 && size < 12; bit >>= 1) size++;
  let length = code === 1 ? 192 : code < 6 ? 144 << code : 1 << code;
  if (code === 6) length = at(size) + 1;
  if (code === 7) length = ((at(size) << 8) | at(size + 1)) + 1;
  size += code === 6 ? 1 : code === 7 ? 2 : 0;
  size += rate === 12 ? 1 : rate > 12 ? 2 : 0;
  let check = 0; // CRC-8 with polynomial 7
  for (let i = 0; i < size; i++) {
    check ^= at(i);
    for (let bit = 0; bit < 8; bit++) check = ((check << 1) ^ ((check >> 7) * 7)) & 0xff;
  }
  return check === at(size) ? length : 0;
}

/** Return the byte behind the blocks of metadata; the end of the file where they are cut. */
function skipMetadata(bytes: Uint8Array, first: number): number {
  let place = first;
  for (let isLast = false; !isLast && place + 4 <= bytes.length; ) {
    const [kind = 0, ...size] = bytes.subarray(place, place + 4);
    isLast = (kind & 0x80) !== 0;
    place += 4 + size.reduce((sum, byte) => sum * 256 + byte, 0);
  }
  return place;
}

/** CRC-16 with polynomial 0x8005, the most significant bit first; 0 over a frame and its checksum. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 8;
  for (let bit = 0; bit < 8; bit++) rest = (rest << 1) ^ ((rest >> 15) & 1 ? 0x8005 : 0);
  return rest & 0xffff;
});
