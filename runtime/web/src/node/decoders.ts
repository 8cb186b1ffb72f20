/**
 * Decoders of compressed audio for Node: FLAC, Ogg (Opus, Vorbis, FLAC) and MPEG audio.
 *
 * The only module to know the libraries, each loaded when a file needs it. Frames and pages are
 * checked before they are decoded, and the decoded length behind it.
 */

import { type AudioStream, SampleCheck, mixed } from "../audio.js";
import { ascii } from "../bytes.js";
import { AudioError, messageOf } from "../errors.js";
import { type FlacLength, flacLength, flacSamples } from "../flac.js";
import { type MpegFrames, mpegFrames } from "../mpeg.js";
import { type OggStream, oggProblem, oggStreams } from "../ogg.js";
import { OPUS_RATE_HZ, type OpusHead, opusHead, packetSamples } from "../opus.js";

const SLACK_SECONDS = 0.05; // of a decoded length, less than a word
const BLOCK_FRAMES = 64; // of a codec, decoded at a time
const BLOCK_BYTES = 1 << 16; // of MPEG audio
const EMPTY = new Uint8Array();

/** A block as the libraries give it. */
interface Decoded {
  readonly channelData: Float32Array[];
  readonly errors: readonly { readonly message: string }[];
}

/** A compressed recording, ready to be decoded. */
interface Compressed {
  readonly codec: string; // in messages
  readonly sampleRate: number; // Hz
  readonly samples: number; // that it has, 0 where its container does not tell
  readonly slack: number; // samples that may be missing at the end
  decode(): AsyncGenerator<Decoded>;
}

/** Open a compressed recording; null where its format is none of these. */
export function openCompressed(bytes: Uint8Array, name: string): AudioStream | null {
  const compressed = findFormat(bytes, name);
  if (compressed === null) return null;
  const { sampleRate, samples } = compressed;
  const seconds = samples > 0 ? { seconds: samples / sampleRate } : {};
  return { sampleRate, name, ...seconds, blocks: () => decoded(compressed, name) };
}

function findFormat(bytes: Uint8Array, name: string): Compressed | null {
  if (ascii(bytes, 0) === "OggS") return oggFormat(bytes, name);
  const flac = flacLength(bytes);
  if (flac !== null) return flacFormat(bytes, flac, name);
  const mpeg = mpegFrames(bytes);
  return mpeg === null ? null : mpegFormat(bytes, mpeg, name);
}

function oggFormat(bytes: Uint8Array, name: string): Compressed {
  const problem = oggProblem(bytes);
  if (problem !== null) throw new AudioError(problem, name);
  for (const stream of oggStreams(bytes)) {
    const [head = EMPTY] = stream.packets;
    const opus = opusHead(head);
    if (opus !== null) return opusFormat(stream, opus);
    if (ascii(head, 0) === "\x01vor") return vorbisFormat(bytes, stream, head);
    if (ascii(head, 0) !== "\x7fFLA") continue;
    const native = Buffer.concat([head.subarray(9), ...stream.packets.slice(1)]);
    const flac = flacLength(native);
    if (flac !== null) return flacFormat(native, flac, name);
  }
  throw new AudioError(
    "Ogg with neither Opus, Vorbis nor FLAC in it; convert it: ffmpeg -i FILE new.wav",
    name,
  );
}

function flacFormat(bytes: Uint8Array, flac: FlacLength, name: string): Compressed {
  if (flac.problem !== null) throw new AudioError(flac.problem, name);
  const { sampleRate, places } = flac;
  const frames = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
  return {
    codec: "FLAC",
    sampleRate,
    samples: flacSamples(flac),
    slack: 0,
    async *decode() {
      const { FLACDecoder } = await import("@wasm-audio-decoders/flac");
      const decoder = new FLACDecoder();
      const blocks = inBlocks(frames, (block) => decoder.decodeFrames(block));
      for await (const { channelData, errors, bitDepth } of withDecoder(decoder, blocks)) {
        // It divides by the largest sample, and other readers by one more: take its integers.
        const full = 2 ** (bitDepth - 1);
        const scaled = (x: number): number => Math.round(x * (full - 1)) / full;
        yield { errors, channelData: channelData.map((channel) => channel.map(scaled)) };
      }
    },
  };
}

function opusFormat({ packets, samples }: OggStream, head: OpusHead): Compressed {
  const audio = packets.slice(2); // behind the head and the tags
  const step = OPUS_RATE_HZ / head.sampleRate;
  const held = audio.reduce((sum, packet) => sum + packetSamples(packet), 0);
  const start = Math.floor(head.preSkip / step);
  const end = Math.floor(Math.min(held, samples || held) / step);
  const { channels, streamCount, coupledStreamCount, channelMappingTable, sampleRate } = head;
  const options = { channels, streamCount, coupledStreamCount, channelMappingTable, sampleRate };
  return {
    codec: "Opus",
    sampleRate: head.sampleRate,
    samples: Math.max(0, end - start),
    slack: 0,
    async *decode() {
      const { OpusDecoder } = await import("opus-decoder");
      const decoder = new OpusDecoder({ ...options, preSkip: 0 });
      let place = 0;
      const blocks = inBlocks(audio, async (block) => decoder.decodeFrames(block));
      for await (const { channelData, errors } of withDecoder(decoder, blocks)) {
        const count = channelData[0]?.length ?? 0;
        const [from, to] = [Math.max(0, start - place), Math.max(0, end - place)];
        place += count;
        const cut = channelData.map((channel) => channel.subarray(from, Math.max(from, to)));
        yield { errors, channelData: cut.map((channel) => channel.map((x) => x * head.gain)) };
      }
    },
  };
}

function vorbisFormat(bytes: Uint8Array, { samples }: OggStream, head: Uint8Array): Compressed {
  return {
    codec: "Vorbis",
    sampleRate: new DataView(head.buffer, head.byteOffset, head.length).getUint32(12, true),
    samples: 0, // a stream may start at any count
    slack: samples,
    async *decode() {
      const { OggVorbisDecoder } = await import("@wasm-audio-decoders/ogg-vorbis");
      const decoder = new OggVorbisDecoder();
      const blocks = byBytes(bytes, (block) => decoder.decode(block), () => decoder.flush());
      yield* withDecoder(decoder, blocks);
    },
  };
}

function mpegFormat(bytes: Uint8Array, mpeg: MpegFrames, name: string): Compressed {
  if (mpeg.problem !== null) throw new AudioError(mpeg.problem, name);
  return {
    codec: "MPEG audio",
    sampleRate: mpeg.sampleRate,
    samples: mpeg.samples,
    slack: mpeg.slack,
    async *decode() {
      const { MPEGDecoder } = await import("mpg123-decoder");
      const decoder = new MPEGDecoder({ enableGapless: mpeg.isGapless });
      yield* withDecoder(decoder, ranges());
      async function* ranges(): AsyncGenerator<Decoded> {
        for (const [start, end] of mpeg.ranges) {
          yield* byBytes(bytes.subarray(start, end), async (block) => decoder.decode(block));
        }
      }
    },
  };
}

/** Yield the waveform of a recording in blocks; fail where it is damaged or ends early. */
async function* decoded(compressed: Compressed, name: string): AsyncGenerator<Float32Array> {
  const { codec, sampleRate, samples, slack } = compressed;
  const check = new SampleCheck(sampleRate, name);
  let count = 0;
  try {
    for await (const { channelData, errors } of compressed.decode()) {
      const [error] = errors;
      if (error !== undefined) throw new AudioError(`damaged: ${codec}: ${error.message}`, name);
      const waveform = mixed(channelData);
      count += waveform.length;
      if (waveform.length > 0) yield check.push(waveform);
    }
  } catch (error) {
    if (error instanceof AudioError) throw error;
    const reason = `not ${codec} that can be decoded, or damaged (${messageOf(error)})`;
    throw new AudioError(reason, name, { cause: error });
  }
  if (count + slack + SLACK_SECONDS * sampleRate < samples) {
    const [found, promised] = [count, samples].map((number) => (number / sampleRate).toFixed(2));
    throw new AudioError(`truncated: the file ends after ${found} s of ${promised} s`, name);
  }
  check.finish();
}

/** Yield blocks once a decoder is there, and free it behind them. */
async function* withDecoder<T extends Decoded>(
  decoder: { readonly ready: Promise<void>; free(): void },
  blocks: AsyncIterable<T>,
): AsyncGenerator<T> {
  await decoder.ready;
  try {
    yield* blocks;
  } finally {
    decoder.free();
  }
}

async function* inBlocks<T extends Decoded>(
  frames: readonly Uint8Array[],
  decode: (block: Uint8Array[]) => Promise<T>,
): AsyncGenerator<T> {
  for (let start = 0; start < frames.length; start += BLOCK_FRAMES) {
    yield await decode(frames.slice(start, start + BLOCK_FRAMES));
  }
}

async function* byBytes(
  bytes: Uint8Array,
  decode: (block: Uint8Array) => Promise<Decoded>,
  flush?: () => Promise<Decoded>,
): AsyncGenerator<Decoded> {
  for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
    yield await decode(bytes.subarray(start, start + BLOCK_BYTES));
  }
  if (flush !== undefined) yield await flush();
}
