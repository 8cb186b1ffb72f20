/**
 * Decodes wav files, so that Node needs no library for it and a browser does not hide a missing part.
 *
 * PCM of 8 to 32 bits and floats of 32 or 64. Knows the format; does not know the rate that a model
 * wants.
 */

import { type Audio, checkedAudio, mixed } from "./audio.js";
import { ascii } from "./bytes.js";
import { AudioError } from "./errors.js";

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe; // the real format is in the first two bytes of a GUID

// Writers to a pipe cannot go back and fill in the length: they leave 0xFFFFFFFF, 0x7FFFFFFF or a
// little less. Nothing is known about such a file.
const UNKNOWN_LENGTH = 0x7fff0000;

const MOST_HEADERS = 1 << 12; // bytes: those of a file without samples are fewer

interface Format {
  readonly code: number; // PCM or FLOAT
  readonly channels: number;
  readonly sampleRate: number; // Hz
  readonly bytes: number; // a sample
}

interface Chunk {
  readonly start: number;
  readonly size: number; // as its header has it
}

export function isWav(bytes: Uint8Array): boolean {
  return ascii(bytes, 0) === "RIFF" && ascii(bytes, 8) === "WAVE";
}

/** The audio in a wav file; one that ends early is refused rather than half decoded. */
export function readWav(bytes: Uint8Array, name: string): Audio {
  try {
    return decode(bytes, name);
  } catch (error) {
    if (error instanceof RangeError) throw new AudioError("its header is damaged", name);
    throw error;
  }
}

function decode(bytes: Uint8Array, name: string): Audio {
  if (bytes.length === 0) throw new AudioError("the file is empty (0 bytes)", name);
  if (!isWav(bytes)) {
    throw new AudioError("not a wav file; convert it: ffmpeg -i FILE new.wav", name);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isCut({ start: 8, size: view.getUint32(4, true) }, bytes)) throw truncated(name);
  const chunks = chunksOf(view, bytes);
  const format = formatOf(view, chunks.get("fmt "), name);
  const data = chunks.get("data");
  if (data === undefined) throw new AudioError("damaged: it has no samples (data chunk)", name);
  if (isCut(data, bytes)) throw truncated(name);
  if (data.size === 0 && bytes.length > MOST_HEADERS) {
    const reason = `damaged: its header tells of no audio, and the file has ${bytes.length} bytes`;
    throw new AudioError(`${reason}; was the recorder stopped before it wrote the length?`, name);
  }
  return checkedAudio(mixed(channelsOf(view, data, format)), format.sampleRate, name);
}

/** The chunks up to that of the samples, by name. */
function chunksOf(view: DataView, bytes: Uint8Array): Map<string, Chunk> {
  const chunks = new Map<string, Chunk>();
  for (let place = 12; place + 8 <= bytes.length && !chunks.has("data"); ) {
    const size = view.getUint32(place + 4, true);
    chunks.set(ascii(bytes, place), { start: place + 8, size });
    place += 8 + size + (size % 2);
  }
  return chunks;
}

function formatOf(view: DataView, chunk: Chunk | undefined, name: string): Format {
  if (chunk === undefined) throw new AudioError("damaged: it has no format (fmt chunk)", name);
  const written = view.getUint16(chunk.start, true);
  const code = written === EXTENSIBLE ? view.getUint16(chunk.start + 24, true) : written;
  const bits = view.getUint16(chunk.start + 14, true);
  const known = { [PCM]: [8, 16, 24, 32], [FLOAT]: [32, 64] }[code] ?? [];
  const format = {
    code,
    channels: view.getUint16(chunk.start + 2, true),
    sampleRate: view.getUint32(chunk.start + 4, true),
    bytes: bits / 8,
  };
  if (!known.includes(bits) || format.channels === 0 || format.sampleRate === 0) {
    throw new AudioError(
      `wav of a kind that is not read here (format ${code}, ${bits} bits, ${format.channels} ` +
        `channels, ${format.sampleRate} Hz); convert it: ffmpeg -i FILE -c:a pcm_s16le new.wav`,
      name,
    );
  }
  return format;
}

function channelsOf(view: DataView, data: Chunk, format: Format): Float32Array[] {
  const available = Math.min(data.size, view.byteLength - data.start);
  const frame = format.channels * format.bytes;
  const frames = Math.floor(available / frame);
  const sample = sampleOf(view, format);
  return Array.from({ length: format.channels }, (_, channel) => {
    const start = data.start + channel * format.bytes;
    return Float32Array.from({ length: frames }, (_, i) => sample(start + i * frame));
  });
}

/** Reads the sample at a byte as -1 to 1. */
function sampleOf(view: DataView, { code, bytes }: Format): (place: number) => number {
  if (code === FLOAT) {
    if (bytes === 8) return (place) => view.getFloat64(place, true);
    return (place) => view.getFloat32(place, true);
  }
  switch (bytes) {
    case 1: // unsigned, unlike the wider ones
      return (place) => (view.getUint8(place) - 128) / 128;
    case 2:
      return (place) => view.getInt16(place, true) / 2 ** 15;
    case 3:
      return (place) => (view.getUint16(place, true) + view.getInt8(place + 2) * 2 ** 16) / 2 ** 23;
    default:
      return (place) => view.getInt32(place, true) / 2 ** 31;
  }
}

function isCut(chunk: Chunk, bytes: Uint8Array): boolean {
  return chunk.size < UNKNOWN_LENGTH && chunk.start + chunk.size > bytes.length;
}

function truncated(name: string): AudioError {
  return new AudioError("truncated: the file ends before its audio does", name);
}
