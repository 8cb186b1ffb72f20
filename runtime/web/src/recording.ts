/**
 * A recording as a stream at the model's rate, of which one part is in memory.
 *
 * Knows a rate to resample to; no files, no windows and no graph.
 */

import { type Audio, type AudioStream, isStream } from "./audio.js";
import { AudioError } from "./errors.js";
import { Resampler } from "./resample.js";

const MIN_RATE_HZ = 1_000;
const MAX_RATE_HZ = 1_000_000;
const BLOCK_SAMPLES = 1 << 20; // of an audio in memory, resampled at a time

/** Samples at the model's rate, read once. */
export class Recording {
  readonly name: string | undefined;
  readonly promised: number | undefined; // seconds, where the length is known at the start
  private readonly blocks: AsyncIterator<Float32Array> | Iterator<Float32Array>;
  private readonly resampler: Resampler;
  private buffer = new Float32Array(); // one for all blocks: nothing is left to collect
  private first = 0; // of the samples in it that are ready
  private count = 0; // samples that are ready
  private taken = 0; // samples of the recording's own rate
  private isAtEnd = false;

  constructor(
    audio: Audio | AudioStream,
    modelRate: number, // Hz
  ) {
    const { sampleRate, name } = audio;
    if (!Number.isInteger(sampleRate) || sampleRate < MIN_RATE_HZ || sampleRate > MAX_RATE_HZ) {
      const reason = `the sample rate must be ${MIN_RATE_HZ} to ${MAX_RATE_HZ}, got ${sampleRate}`;
      throw new AudioError(reason, name);
    }
    this.name = name;
    this.rate = sampleRate;
    this.promised = isStream(audio) ? audio.seconds : audio.waveform.length / sampleRate;
    this.blocks = isStream(audio) ? audio.blocks()[Symbol.asyncIterator]() : cut(audio.waveform);
    this.resampler = new Resampler(sampleRate, modelRate);
  }

  private readonly rate: number; // Hz

  /** Length of the audio read so far: its own samples by its own rate. */
  get seconds(): number {
    return this.taken / this.rate;
  }

  /** Return whether more than `samples` are still to be read. */
  async exceeds(samples: number): Promise<boolean> {
    await this.prepare(samples + 1);
    return this.count > samples;
  }

  /** Return the rest. */
  async read(): Promise<Float32Array> {
    await this.prepare(Infinity);
    const rest = this.buffer.subarray(this.first, this.first + this.count);
    this.buffer = new Float32Array();
    this.first = this.count = 0;
    return rest;
  }

  /** Fill an array with the next samples, and return their number: smaller only at the end. */
  async readInto(target: Float32Array): Promise<number> {
    let place = 0;
    while (place < target.length) {
      if (this.count === 0) await this.prepare(1);
      if (this.count === 0) break;
      const taken = Math.min(target.length - place, this.count);
      target.set(this.buffer.subarray(this.first, this.first + taken), place);
      place += taken;
      this.first += taken;
      this.count -= taken;
    }
    return place;
  }

  /** Free what is behind the stream, where it was not read to its end. */
  async close(): Promise<void> {
    this.buffer = new Float32Array();
    this.count = 0;
    if (!this.isAtEnd) await this.blocks.return?.();
    this.isAtEnd = true;
  }

  private async prepare(samples: number): Promise<void> {
    while (this.count < samples && !this.isAtEnd) {
      const { value, done } = await this.blocks.next();
      this.isAtEnd = done === true;
      if (!this.isAtEnd) this.taken += (value as Float32Array).length;
      this.append(this.isAtEnd ? this.resampler.finish() : this.resampler.push(value as Float32Array));
    }
  }

  private append(block: Float32Array): void {
    const end = this.count + block.length;
    if (end > this.buffer.length) {
      const larger = new Float32Array(Math.max(end, 2 * this.buffer.length));
      larger.set(this.buffer.subarray(this.first, this.first + this.count));
      this.buffer = larger;
      this.first = 0;
    } else if (this.first + end > this.buffer.length) {
      this.buffer.copyWithin(0, this.first, this.first + this.count);
      this.first = 0;
    }
    this.buffer.set(block, this.first + this.count);
    this.count = end;
  }
}

function* cut(waveform: Float32Array): Generator<Float32Array> {
  for (let start = 0; start < waveform.length; start += BLOCK_SAMPLES) {
    yield waveform.subarray(start, start + BLOCK_SAMPLES);
  }
}
