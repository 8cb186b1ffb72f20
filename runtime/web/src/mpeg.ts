/**
 * Damaged and truncated MPEG audio (MP3, MP2, MP1), frame by frame: decoders look for the next frame
 * and say nothing. Knows ISO 11172-3 and 13818-3 up to a frame's header; decodes nothing.
 */

import { ascii } from "./bytes.js";
import { tagSize } from "./tags.js";

const MAX_FRAME_BYTES = 2881;
const MIN_JUNK_BYTES = 417; // harmless at the end
const MAX_JUNK_BYTES = 1 << 16; // between joined files
const CHAIN = 3; // headers in a row that make a place the start of a frame

const RATES_HZ: Readonly<Record<number, readonly number[]>> = {
  3: [44100, 48000, 32000],
  2: [22050, 24000, 16000],
  0: [11025, 12000, 8000],
};
const KBITS: Readonly<Record<string, readonly number[]>> = {
  "first 1": [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  "first 2": [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  "first 3": [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  "later 1": [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  "later 2": [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  "later 3": [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};

/** The frames of a file, all of one format. */
export interface MpegFrames {
  readonly sampleRate: number; // Hz
  readonly samples: number; // a channel, of all frames
  readonly slack: number; // samples that a decoder may leave out
  readonly ranges: readonly (readonly [number, number])[]; // bytes of frames, one behind another
  readonly isGapless: boolean; // the first frame's counts, and so the encoder's padding, are right
  readonly problem: string | null; // the reason why the frames are not all there
}

interface Header {
  readonly version: number; // 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
  readonly layer: number;
  readonly rate: number; // Hz
  readonly isMono: boolean;
  readonly size: number; // bytes, header included; 0 in free format, where no header tells
  readonly samples: number; // of each channel
  readonly format: string; // a decoder starts anew after a change
}

/** An encoder's counts in a frame without audio. */
interface Info {
  readonly before: number; // frames of audio before it
  readonly place: number; // byte
  readonly end: number; // byte
  readonly frames: number | null;
  readonly size: number | null; // bytes
}

/** Find the frames of MPEG audio from a file's start on, tags left out; null where there are none. */
export function mpegFrames(bytes: Uint8Array): MpegFrames | null {
  const scanner = new Scanner(bytes);
  const start = scanner.skipTags(0);
  const first = scanner.header(start);
  return first !== null && scanner.isFrame(start) ? scanner.frames(start, first) : null;
}

function headerAt(bytes: Uint8Array, place: number): Header | null {
  const [sync = 0, kind = 0, numbers = 0, mode = 0] = bytes.subarray(place, place + 4);
  if (place + 4 > bytes.length || sync !== 0xff || (kind & 0xe0) !== 0xe0) return null;
  const [version, layer] = [(kind >> 3) & 3, 4 - ((kind >> 1) & 3)];
  const [kbitsIndex, rateIndex] = [numbers >> 4, (numbers >> 2) & 3];
  const isValid = version !== 1 && layer !== 4 && kbitsIndex !== 15 && rateIndex !== 3;
  if (!isValid || (mode & 3) === 2) return null;
  const rate = RATES_HZ[version]?.[rateIndex] ?? 0;
  const isMono = mode >> 6 === 3;
  const kbits = KBITS[`${version === 3 ? "first" : "later"} ${layer}`]?.[kbitsIndex - 1] ?? 0;
  const long = layer === 2 || version === 3 ? 1152 : 576;
  return {
    version,
    layer,
    rate,
    isMono,
    size: kbits === 0 ? 0 : frameBytes(version, layer, kbits * 1000, rate, (numbers >> 1) & 1),
    samples: layer === 1 ? 384 : long,
    format: [version, layer, rate, isMono].join(" "),
  };
}

function frameBytes(version: number, layer: number, bits: number, rate: number, padding: number): number {
  if (layer === 1) return (Math.floor((12 * bits) / rate) + padding) * 4;
  return Math.floor(((layer === 3 && version !== 3 ? 72 : 144) * bits) / rate) + padding;
}

class Scanner {
  private freeBytes = 0; // of a frame in free format, without padding

  constructor(private readonly bytes: Uint8Array) {}

  header(place: number): Header | null {
    return headerAt(this.bytes, place);
  }

  frames(start: number, first: Header): MpegFrames {
    const ranges: [number, number][] = [];
    const infos: Info[] = [];
    let count = 0;
    let problem: string | null = null;
    let end = start;
    for (const [place, header, isKnown] of this.walk(start)) {
      if (header === null) {
        if (!isCounted(infos, count)) problem = damage(end);
        break;
      }
      if (header.format !== first.format) {
        problem =
          "recordings of several formats one behind another; convert it: ffmpeg -i FILE new.wav";
        break;
      }
      const size = this.size(place, header);
      const info = header.layer === 3 ? this.info(place, size, header, count) : null;
      if (info === null && !isKnown) {
        problem = damage(end);
        break;
      }
      end = place + size;
      if (info !== null) {
        infos.push(info);
        continue;
      }
      count++;
      const last = ranges.at(-1);
      if (last?.[1] === place) last[1] = end;
      else ranges.push([place, end]);
    }
    problem ??= count === 0 ? "holds no frame of MPEG audio" : this.missing(infos, count);
    const [only] = infos;
    const isGapless = infos.length === 1 && only?.before === 0 && only.frames === count;
    if (isGapless && only !== undefined) ranges.unshift([only.place, only.end]);
    const { rate, samples } = first;
    return {
      sampleRate: rate,
      samples: count * samples,
      slack: 2 * samples + (isGapless ? 2 * 4096 : 0), // delay and padding: 12 bits each
      ranges,
      isGapless,
      problem,
    };
  }

  /** Return the place behind tags and zeros. */
  skipTags(start: number): number {
    let place = start;
    while (place < this.bytes.length) {
      const size = tagSize(this.bytes, place);
      let zeros = 0;
      while (size === 0 && this.bytes[place + zeros] === 0) zeros++;
      if (size + zeros === 0) break;
      place += size + zeros;
    }
    return Math.min(place, this.bytes.length);
  }

  /** Return whether frames of one format start here: three, or up to the end. */
  isFrame(start: number): boolean {
    const first = this.header(start);
    let header = first;
    let place = start;
    let total = 0;
    while (first !== null && header !== null && header.format === first.format) {
      total++;
      place += this.size(place, header);
      if (total === CHAIN || place >= this.bytes.length) {
        return total > 1 || place === this.bytes.length;
      }
      header = this.header(place);
    }
    return total > 1 && tagSize(this.bytes, place) > 0;
  }

  private size(place: number, header: Header): number {
    if (header.size > 0) return header.size;
    this.freeBytes ||= this.measureFree(place, header);
    return this.freeBytes + (header.layer === 1 ? 4 : 1) * this.padding(place);
  }

  private padding(place: number): number {
    return ((this.bytes[place + 2] ?? 0) >> 1) & 1;
  }

  /** Return the bytes to the next frame of the same format, the padding left out. */
  private measureFree(place: number, header: Header): number {
    for (let size = 4; size < 4 * MAX_FRAME_BYTES; size++) {
      const next = this.header(place + size);
      if (next?.size !== 0 || next.format !== header.format) continue;
      return size - (header.layer === 1 ? 4 : 1) * this.padding(place);
    }
    return MAX_FRAME_BYTES;
  }

  /**
   * Yield place and header of each frame, and whether nothing is missing before it. A header of null
   * stands for bytes at the end that are neither frames nor tags.
   */
  private *walk(start: number): Generator<readonly [number, Header | null, boolean]> {
    const end = this.bytes.length;
    let place = start;
    let last: Header | null = null;
    let isKnown = true;
    while (place < end) {
      const header = this.header(place);
      if (header !== null && (header.format === last?.format || this.isFrame(place))) {
        const size = this.size(place, header);
        if (place + size > end) return; // the last frame is cut: less than a word
        yield [place, header, isKnown];
        [last, isKnown] = [header, true];
        place += size;
        continue;
      }
      const behind = this.skipTags(place);
      if (behind > place) {
        place = behind;
        continue;
      }
      const found = this.findFrame(place + 1);
      if (found < 0) {
        const size = last === null ? 0 : this.size(place, last);
        if (last === null || end - place > Math.max(size, MIN_JUNK_BYTES)) yield [place, null, false];
        return;
      }
      isKnown = last === null && found - place <= MAX_FRAME_BYTES;
      place = found;
    }
  }

  /** Return the place of the next frame within possible junk; -1 if there is none. */
  private findFrame(start: number): number {
    const end = Math.min(start + MAX_JUNK_BYTES, this.bytes.length);
    for (let at = this.bytes.indexOf(0xff, start); at >= 0 && at < end; ) {
      if (this.isFrame(at)) return at;
      at = this.bytes.indexOf(0xff, at + 1);
    }
    return -1;
  }

  /** Read the counts in a frame; null if it is one of audio. */
  private info(start: number, size: number, header: Header, before: number): Info | null {
    const end = start + size;
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset);
    if (ascii(this.bytes, start + 36) === "VBRI" && start + 58 <= this.bytes.length) {
      const [total, frames] = [view.getUint32(start + 46), view.getUint32(start + 50)];
      return { before, place: start, end, frames, size: total };
    }
    const channels = header.isMono ? [17, 9] : [32, 17];
    let place = start + 4 + (channels[header.version === 3 ? 0 : 1] ?? 0);
    const mark = ascii(this.bytes, place);
    if ((mark !== "Xing" && mark !== "Info") || place + 16 > this.bytes.length) return null;
    const flags = view.getUint32(place + 4);
    place += 8;
    const frames = flags & 1 ? view.getUint32(place) : null;
    if (frames !== null) place += 4;
    return { before, place: start, end, frames, size: flags & 2 ? view.getUint32(place) : null };
  }

  /** Refuse fewer frames than were counted; a wrong count alone is no fault. */
  private missing(infos: readonly Info[], count: number): string | null {
    for (const [i, { before, place, frames, size }] of infos.entries()) {
      const found = (infos[i + 1]?.before ?? count) - before;
      if (frames === null || frames <= found + 1) continue;
      const frameSize = (size ?? 0) / frames;
      // All bytes are there: the count is wrong.
      if (size !== null && size <= this.bytes.length - place + 2 * frameSize) continue;
      return `truncated: the file ends before its audio does (${found} of ${frames} frames)`;
    }
    return null;
  }
}

/** Return whether all frames are there that the last header counts. */
function isCounted(infos: readonly Info[], count: number): boolean {
  const last = infos.at(-1);
  return last !== undefined && last.frames !== null && count - last.before >= last.frames;
}

function damage(end: number): string {
  return `damaged: the bytes from ${end} on hold no frame of MPEG audio`;
}
