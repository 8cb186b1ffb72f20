/** A decoded recording. Knows neither files nor models. */

import { AudioError } from "./errors.js";

/** A recording in memory. */
export interface Audio {
  readonly waveform: Float32Array; // (S,) the mean of the channels, -1 to 1
  readonly sampleRate: number; // Hz
  readonly name?: string; // in messages
}

/** A recording that is decoded while it is read, once. */
export interface AudioStream {
  readonly sampleRate: number; // Hz
  readonly name?: string; // in messages
  readonly seconds?: number; // its length, where that is known before the end

  /**
   * Give its samples (the mean of the channels) in blocks of any size; fail where it is not whole. A
   * block may be overwritten when the next one is asked for.
   */
  blocks(): AsyncIterable<Float32Array>;
}

export function isStream(audio: Audio | AudioStream): audio is AudioStream {
  return "blocks" in audio;
}

/** Read a stream to its end. */
export async function readAll(stream: AudioStream): Promise<Audio> {
  const parts: Float32Array[] = [];
  for await (const block of stream.blocks()) parts.push(block.slice());
  const waveform = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    waveform.set(part, place);
    place += part.length;
  }
  const { sampleRate, name } = stream;
  return { waveform, sampleRate, ...(name !== undefined && { name }) };
}

export const MAX_CHANNELS = 64;

// Full scale is 1. Some programs write 32-bit integers as floats unscaled, up to 2**31; beyond, sums
// of squares overflow float32, and the answer would be an empty transcript.
const MAX_AMPLITUDE = 1e10;

// -90 dB; -90.3 dB is the last bit of 16.
const SILENCE_AMPLITUDE = 10 ** (-90 / 20);

/**
 * Tell whether a whole recording is silence to a model although not all of it is zero: under -90 dB,
 * as samples of 16 bits are in a file of 32.
 */
export function isSilent(peak: number): boolean {
  return peak > 0 && peak < SILENCE_AMPLITUDE;
}

/**
 * Check that a recording has samples, and that they are numbers, and return it; warn on the console
 * of one that is silence.
 */
export function checkedAudio(waveform: Float32Array, sampleRate: number, name: string): Audio {
  const check = new SampleCheck(sampleRate, name);
  check.push(waveform);
  check.finish();
  return { waveform, sampleRate, name };
}

/** The same check of a recording that comes in blocks. */
export class SampleCheck {
  private count = 0; // samples
  private peak = 0;

  constructor(
    private readonly sampleRate: number, // Hz
    private readonly name: string,
  ) {}

  push(block: Float32Array): Float32Array {
    for (let i = 0; i < block.length; i++) {
      const level = Math.abs(block[i] ?? 0);
      if (!(level <= MAX_AMPLITUDE)) throw this.wrong(level, this.count + i);
      if (level > this.peak) this.peak = level;
    }
    this.count += block.length;
    return block;
  }

  finish(): void {
    if (this.count === 0) throw new AudioError("holds no audio (0 samples)", this.name);
    if (isSilent(this.peak)) {
      console.warn(`${this.name}: the whole recording is below -90 dB, silence to a model`);
    }
  }

  private wrong(level: number, sample: number): AudioError {
    const kind = Number.isFinite(level)
      ? "of more than 1e+10, where full scale is 1"
      : "that are not numbers (NaN or infinite)";
    const seconds = (sample / this.sampleRate).toFixed(2);
    return new AudioError(`holds samples ${kind}, near ${seconds} s`, this.name);
  }
}

/** Mix channels of equal length to their mean. */
export function mixed(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(), ...others] = channels;
  if (others.length === 0) return first;
  return first.map((sample, i) => {
    return others.reduce((sum, channel) => sum + (channel[i] ?? 0), sample) / channels.length;
  });
}
