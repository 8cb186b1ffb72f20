/**
 * Decodes wav files: Node needs no library for it, and no browser hides a missing part.
 *
 * PCM of 8 to 32 bits and floats of 32 or 64. Does not know the rate of a model.
 */

import { type Audio, MAX_CHANNELS, checkedAudio } from "./audio.js";
import { ascii } from "./bytes.js";
import { AudioError } from "./errors.js";

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe; // the real format is in the first two bytes of a GUID

// Bytes that are missing, or that follow the samples. Recorder libraries count a header with the
// samples; 0.02 s are shorter than one frame of a model and hold no word.
const MAX_STRAY_BYTES = 44;
const MAX_STRAY_SECONDS = 0.02;

const HEADER_BYTES = 1 << 12; // more than the headers of a file without samples

/** The format of samples. */
export interface WavFormat {
  readonly code: number; // PCM or FLOAT
  readonly channels: number;
  readonly sampleRate: number; // Hz
  readonly bytes: number; // a sample
}

interface Chunk {
  readonly start: number; // of its content
  readonly size: number; // bytes, by its header
}

export function isWav(bytes: Uint8Array): boolean {
  return ascii(bytes, 0) === "RIFF" && ascii(bytes, 8) === "WAVE";
}

/** Decode a wav file; one that ends early is refused rather than half decoded. */
export function readWav(bytes: Uint8Array, name: string): Audio {
  const { start, size, format } = wavLayout({ size: bytes.length, head: bytes, tail: bytes }, name);
  const waveform = decodeWav(bytes.subarray(start, start + size), format);
  return checkedAudio(waveform, format.sampleRate, name);
}

/** The bytes of a wav file that tell where its samples are. */
export interface WavEnds {
  readonly size: number; // of the file
  readonly head: Uint8Array; // its first bytes, up to the samples at least
  readonly tail: Uint8Array; // its last bytes, from the end of the samples on at least
}

/** The place of the samples in a wav file. */
export interface WavLayout {
  readonly start: number; // byte
  readonly size: number; // bytes that are there: whole frames of all channels
  readonly format: WavFormat;
}

/** Find the samples of a wav file; refuse one that is damaged or ends early. */
export function wavLayout(ends: WavEnds, name: string): WavLayout {
  try {
    return findSamples(ends, name);
  } catch (error) {
    if (error instanceof RangeError) throw new AudioError("its header is damaged", name);
    throw error;
  }
}

/** Return the byte where the samples end by the header; null where its beginning does not tell. */
export function wavEnd(head: Uint8Array): number | null {
  const data = readChunks(viewOf(head), head).get("data");
  return data === undefined ? null : data.start + data.size;
}

function findSamples(ends: WavEnds, name: string): WavLayout {
  const { size, head } = ends;
  if (size === 0) throw new AudioError("the file is empty (0 bytes)", name);
  if (!isWav(head)) {
    throw new AudioError("not a wav file; convert it: ffmpeg -i FILE new.wav", name);
  }
  // The size of the whole file, at byte 4, is often wrong and tells nothing of the samples.
  const view = viewOf(head);
  const chunks = readChunks(view, head);
  const format = formatOf(view, chunks.get("fmt "), name);
  const data = chunks.get("data");
  if (data === undefined) throw new AudioError("damaged: it has no samples (data chunk)", name);
  const problem = lengthProblem(data, ends, format);
  if (problem !== null) throw new AudioError(problem, name);
  const frame = format.channels * format.bytes;
  const held = Math.max(0, Math.min(data.size, size - data.start));
  return { start: data.start, size: Math.floor(held / frame) * frame, format };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Return the reason why the samples are not all there, or null. */
function lengthProblem(data: Chunk, { size, tail }: WavEnds, format: WavFormat): string | null {
  const end = data.start + data.size;
  if (data.size === 0 && size > HEADER_BYTES) {
    return (
      `damaged: its header tells of no audio, and the file has ${size} bytes; ` +
      "was the recorder stopped before it wrote the length?"
    );
  }
  if (isUnknownLength(data.size)) return null;
  const second = format.channels * format.bytes * format.sampleRate; // bytes
  const stray = Math.max(MAX_STRAY_BYTES, MAX_STRAY_SECONDS * second);
  const missing = end - size;
  // Some count the whole file, or RIFF's own size.
  const isHeaderCounted = missing === data.start || missing === data.start - 8;
  if (missing > stray && !isHeaderCounted) return "truncated: the file ends before its audio does";
  if (missing >= 0) return null;
  const place = end - (size - tail.length); // in the tail
  const isWhole =
    isHarmlessFrom(tail, place + (data.size % 2), stray) || isHarmlessFrom(tail, place, stray);
  if (isWhole) return null;
  // A recorder that is killed leaves the length that it wrote last.
  return (
    `damaged: ${-missing} bytes behind the samples are no other chunks and may be samples too; ` +
    "convert it: ffmpeg -ignore_length 1 -i FILE new.wav"
  );
}

/**
 * Return true for a length that a writer to a pipe leaves, as it cannot go back: 0x7FFFFFFF,
 * 0x80000000 or 0xFFFFFFFF, less a header or rounded to blocks (sox: 0x7FFFF000). Half of a 2.4 GB
 * file is none of them.
 */
function isUnknownLength(size: number): boolean {
  return (size >= 0x7fffe000 && size < 0x80001000) || size >= 0xffffe000;
}

/** Return the chunks up to that of the samples, by name. */
function readChunks(view: DataView, bytes: Uint8Array): Map<string, Chunk> {
  const chunks = new Map<string, Chunk>();
  for (let place = 12; place + 8 <= bytes.length && !chunks.has("data"); ) {
    const size = view.getUint32(place + 4, true);
    chunks.set(ascii(bytes, place), { start: place + 8, size });
    place += 8 + size + (size % 2);
  }
  return chunks;
}

/** Return true where only chunks without samples, tags or little else stand from `place` on. */
function isHarmlessFrom(bytes: Uint8Array, start: number, stray: number): boolean {
  const view = viewOf(bytes);
  let place = start;
  while (place + stray < bytes.length) {
    const name = ascii(bytes, place);
    if (["RIFF", "RF64", "data"].includes(name)) return false; // joined: a recording too
    if (name === "APET" || /^(TAG|ID3)/.test(name)) return true;
    if (!/^[ -~]{4}$/.test(name)) return bytes.subarray(place).every((byte) => byte === 0);
    const size = view.getUint32(place + 4, true);
    place += 8 + size + (size % 2);
  }
  return true;
}

function formatOf(view: DataView, chunk: Chunk | undefined, name: string): WavFormat {
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
  const isCounted = format.channels > 0 && format.channels <= MAX_CHANNELS;
  if (!known.includes(bits) || !isCounted || format.sampleRate === 0) {
    throw new AudioError(
      `wav of a kind that is not read here (format ${code}, ${bits} bits, ${format.channels} ` +
        `channels, ${format.sampleRate} Hz); convert it: ffmpeg -i FILE -c:a pcm_s16le new.wav`,
      name,
    );
  }
  return format;
}

/**
 * Decode samples to the mean of their channels; `bytes` are whole frames of all channels. `target` has
 * room for them.
 */
export function decodeWav(bytes: Uint8Array, format: WavFormat, target?: Float32Array): Float32Array {
  const { channels } = format;
  const step = channels * format.bytes;
  const sample = sampleOf(viewOf(bytes), format);
  const count = Math.floor(bytes.length / step);
  const waveform = target?.subarray(0, count) ?? new Float32Array(count);
  for (let i = 0, place = 0; i < waveform.length; i++, place += step) {
    let sum = sample(place);
    for (let channel = 1; channel < channels; channel++) {
      sum += Math.fround(sample(place + channel * format.bytes));
    }
    waveform[i] = sum / channels;
  }
  return waveform;
}

/** Return a function that reads the sample at a byte as -1 to 1. */
function sampleOf(view: DataView, { code, bytes }: WavFormat): (place: number) => number {
  if (code === FLOAT) {
    if (bytes === 8) return (place) => view.getFloat64(place, true);
    return (place) => view.getFloat32(place, true);
  }
  switch (bytes) {
    case 1: // unsigned, unlike wider samples
      return (place) => (view.getUint8(place) - 128) / 128;
    case 2:
      return (place) => view.getInt16(place, true) / 2 ** 15;
    case 3:
      return (place) => (view.getUint16(place, true) + view.getInt8(place + 2) * 2 ** 16) / 2 ** 23;
    default:
      return (place) => view.getInt32(place, true) / 2 ** 31;
  }
}
