/** Audio files of a disk, decoded while they are read. */

import { constants, type FileHandle, open } from "node:fs/promises";

import { type AudioStream, SampleCheck } from "../audio.js";
import { AudioError, messageOf } from "../errors.js";
import { type WavLayout, decodeWav, isWav, wavEnd, wavLayout } from "../wav.js";
import { openCompressed } from "./decoders.js";
import { IrregularFileError, readRegularFile } from "./regular-file.js";

const HEAD_BYTES = 1 << 16;
const MAX_TAIL_BYTES = 1 << 24; // of chunks behind the samples; more, and the file is read whole
const BLOCK_FRAMES = 1 << 16;

/**
 * Open an audio file. Damage that shows before the file is decoded is refused here, the rest by the
 * stream at its end: of a recording that is not whole there is no transcript.
 */
export async function openAudio(path: string): Promise<AudioStream> {
  try {
    const head = await withFile(path, (file) => readAt(file, 0, HEAD_BYTES));
    if (head.length === 0) throw new AudioError("the file is empty (0 bytes)", path);
    if (isWav(head)) return await openWav(path);
    const stream = openCompressed(await readRegularFile(path), path);
    if (stream !== null) return stream;
    throw new AudioError(
      "not a wav file, nor FLAC, Ogg or MP3; convert it: ffmpeg -i FILE new.wav",
      path,
    );
  } catch (error) {
    throw refusal(error, path);
  }
}

async function openWav(path: string): Promise<AudioStream> {
  const layout = await withFile(path, async (file) => {
    const { size } = await file.stat();
    const head = await readAt(file, 0, HEAD_BYTES);
    const end = wavEnd(head);
    const behind = end === null ? size : size - end;
    if (behind > MAX_TAIL_BYTES) {
      const whole = await readRegularFile(path);
      return wavLayout({ size: whole.length, head: whole, tail: whole }, path);
    }
    const tail = await readAt(file, Math.min(size, end ?? 0), Math.max(0, behind));
    return wavLayout({ size, head: end === null ? tail : head, tail }, path);
  });
  const { sampleRate, bytes, channels } = layout.format;
  const seconds = layout.size / (bytes * channels * sampleRate);
  return { sampleRate, seconds, name: path, blocks: () => wavBlocks(path, layout) };
}

async function* wavBlocks(path: string, { start, size, format }: WavLayout): AsyncGenerator<Float32Array> {
  const check = new SampleCheck(format.sampleRate, path);
  const step = BLOCK_FRAMES * format.bytes * format.channels;
  const file = await open(path, constants.O_RDONLY).catch((error: unknown) => {
    throw refusal(error, path);
  });
  try {
    // One of each for all blocks: nothing is left to collect.
    const block = new Uint8Array(Math.min(step, size));
    const samples = new Float32Array(BLOCK_FRAMES);
    for (let place = 0; place < size; place += step) {
      const wanted = Math.min(step, size - place);
      const bytes = await readInto(file, start + place, block.subarray(0, wanted));
      if (bytes.length < wanted) throw new AudioError("was cut while it was read", path);
      yield check.push(decodeWav(bytes, format, samples));
    }
  } catch (error) {
    throw refusal(error, path);
  } finally {
    await file.close();
  }
  check.finish();
}

/** Open a regular file for a time. */
async function withFile<T>(path: string, work: (file: FileHandle) => Promise<T>): Promise<T> {
  // Without waiting: opening a pipe that nobody writes to would never return.
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new IrregularFileError(status.isDirectory());
    return await work(file);
  } finally {
    await file.close();
  }
}

/** Read up to `size` bytes at a place; fewer at the file's end. */
async function readAt(file: FileHandle, place: number, size: number): Promise<Uint8Array> {
  return readInto(file, place, new Uint8Array(size));
}

/** Fill an array with the bytes at a place, and return them. */
async function readInto(file: FileHandle, place: number, bytes: Uint8Array): Promise<Uint8Array> {
  let count = 0;
  while (count < bytes.length) {
    const { bytesRead } = await file.read(bytes, count, bytes.length - count, place + count);
    if (bytesRead === 0) break;
    count += bytesRead;
  }
  return bytes.subarray(0, count);
}

function refusal(error: unknown, path: string): AudioError {
  if (error instanceof AudioError) return error;
  return new AudioError(unreadable(error, path), path, { cause: error });
}

function unreadable(error: unknown, path: string): string {
  if (error instanceof IrregularFileError) {
    return error.isFolder ? "is a folder; give the audio files in it" : error.message;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ENOTDIR") return `cannot be read: ${messageOf(error)}`;
  if (!path.includes("://")) return "there is no such file";
  return "is an address, and audio is read from files: download it first (curl -LO ADDRESS)";
}
