/**
 * Damaged and truncated Ogg files, page by page: decoders drop a page whose checksum is wrong and go
 * on with the next. Knows RFC 3533, no codec.
 */

import { ascii } from "./bytes.js";

const HEADER_BYTES = 27; // before a page's table of segments
const FIRST = 2; // flags
const LAST = 4;

interface Page {
  readonly table: Uint8Array; // sizes of its segments
  readonly granule: number; // samples to its end; -1: no packet ends on it
  readonly flags: number;
  readonly stream: number; // several may be interleaved
  readonly number: number; // within its stream
  readonly end: number; // the byte where the next page starts
  readonly isIntact: boolean;
  readonly endsPacket: boolean;
}

/** A stream that is not ended. */
interface Stream {
  readonly next: number; // the number of its next page
  readonly pages: number;
  readonly endsPacket: boolean;
}

const TRUNCATED = "truncated or damaged: the file ends before its stream does";

/** Return the reason why the pages of an Ogg file are not all there, or null. */
export function oggProblem(bytes: Uint8Array): string | null {
  const open = new Map<number, Stream>();
  let links = 0; // one behind another, each of one or several streams
  let place = 0;
  while (place < bytes.length) {
    const found = findPage(bytes, place);
    if (found < 0) break;
    if (found > place) return `damaged: bytes ${place} to ${found} belong to no page`;
    const page = readPage(bytes, place);
    if (page === null) return TRUNCATED;
    if (!page.isIntact) {
      return `damaged: the page at byte ${place} has another checksum than it was written with`;
    }
    if (page.flags & FIRST) {
      const isLink = Array.from(open.values()).every(({ pages }) => pages > 1);
      if (isLink && !mayHaveEnded(open.values())) return TRUNCATED;
      if (isLink) open.clear();
      links += Number(isLink);
      open.set(page.stream, { next: page.number, pages: 0, endsPacket: false });
    }
    const stream = open.get(page.stream);
    if (stream?.next !== page.number) {
      return `damaged: before byte ${place}, part of the stream is missing`;
    }
    if (page.flags & LAST) {
      open.delete(page.stream);
    } else {
      const [next, pages] = [(page.number + 1) >>> 0, stream.pages + 1];
      open.set(page.stream, { next, pages, endsPacket: page.endsPacket });
    }
    place = page.end;
  }
  if (open.size > 0 && (place !== bytes.length || !mayHaveEnded(open.values()))) return TRUNCATED;
  if (links === 0) return "damaged: it has no page";
  if (links > 1) {
    return (
      `${links} recordings one behind another (a chained Ogg file), of which decoders may read only ` +
      "the first; convert it: ffmpeg -i FILE new.wav"
    );
  }
  return null;
}

/** A logical stream of an Ogg file. */
export interface OggStream {
  readonly packets: readonly Uint8Array[];
  readonly samples: number; // to its end, by its last page
}

/** Return the streams of an Ogg file whose pages were found to be all there. */
export function oggStreams(bytes: Uint8Array): OggStream[] {
  const streams = new Map<number, { packets: Uint8Array[]; parts: Uint8Array[]; samples: number }>();
  let page: Page | null;
  for (let place = 0; place < bytes.length; place = page.end) {
    page = readPage(bytes, place);
    if (page === null) break;
    const stream = streams.get(page.stream) ?? { packets: [], parts: [], samples: 0 };
    streams.set(page.stream, stream);
    let at = place + HEADER_BYTES + page.table.length;
    for (const size of page.table) {
      stream.parts.push(bytes.subarray(at, at + size));
      at += size;
      if (size === 255) continue; // the packet goes on
      stream.packets.push(concatenated(stream.parts.splice(0)));
    }
    stream.samples = Math.max(stream.samples, page.granule);
  }
  return Array.from(streams.values());
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const [first = new Uint8Array()] = parts;
  if (parts.length < 2) return first;
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    result.set(part, place);
    place += part.length;
  }
  return result;
}

/**
 * Return true where these streams may have ended, though their last pages do not say so: recorders on
 * telephones never set the flag.
 */
function mayHaveEnded(streams: Iterable<Stream>): boolean {
  return Array.from(streams).every(({ endsPacket, pages }) => endsPacket && pages > 1);
}

/** Return the place of the first page at `place` or behind it, -1 where there is none. */
function findPage(bytes: Uint8Array, place: number): number {
  for (let at = bytes.indexOf(0x4f, place); at >= 0; at = bytes.indexOf(0x4f, at + 1)) {
    if (ascii(bytes, at) === "OggS") return at;
  }
  return -1;
}

/** Read the page at `start`, or null if the file ends within it. */
function readPage(bytes: Uint8Array, start: number): Page | null {
  const segments = bytes[start + 26];
  if (segments === undefined) return null;
  const table = bytes.subarray(start + HEADER_BYTES, start + HEADER_BYTES + segments);
  const end = start + HEADER_BYTES + segments + table.reduce((sum, size) => sum + size, 0);
  if (table.length < segments || end > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  const page = bytes.slice(start, end);
  page.fill(0, 22, 26);
  return {
    table,
    granule: Number(view.getBigInt64(6, true)),
    flags: view.getUint8(5),
    stream: view.getUint32(14, true),
    number: view.getUint32(18, true),
    end,
    isIntact: checksum(page) === view.getUint32(22, true),
    endsPacket: (table.at(-1) ?? 255) < 255,
  };
}

/** Polynomial 0x04C11DB7, the most significant bit first, started at 0 and not inverted. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte << 24;
  for (let bit = 0; bit < 8; bit++) rest = (rest << 1) ^ (rest < 0 ? 0x04c11db7 : 0);
  return rest >>> 0;
});

function checksum(page: Uint8Array): number {
  let rest = 0;
  for (const byte of page) rest = (rest << 8) ^ (TABLE[(rest >>> 24) ^ byte] ?? 0);
  return rest >>> 0;
}
