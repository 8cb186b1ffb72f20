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
  private readonly ready: Float32Array[] = [];
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
    const [only] = this.ready;
    if (only !== undefined && this.ready.length === 1) {
      this.ready.length = this.count = 0;
      return only;
    }
    const result = new Float32Array(this.count);
    await this.readInto(result);
    return result;
  }

  /** Fill an array with the next samples, and return their number: smaller only at the end. */
  async readInto(target: Float32Array): Promise<number> {
    let place = 0;
    while (place < target.length) {
      if (this.count === 0) await this.prepare(1);
      const [block] = this.ready;
      if (block === undefined) break;
      const taken = Math.min(target.length - place, block.length);
      target.set(taken < block.length ? block.subarray(0, taken) : block, place);
      place += taken;
      this.count -= taken;
      if (taken < block.length) this.ready[0] = block.subarray(taken);
      else this.ready.shift();
    }
    return place;
  }

  /** Free what is behind the stream, where it was not read to its end. */
  async close(): Promise<void> {
    this.ready.length = this.count = 0;
    if (!this.isAtEnd) await this.blocks.return?.();
    this.isAtEnd = true;
  }

  private async prepare(samples: number): Promise<void> {
    while (this.count < samples && !this.isAtEnd) {
      const { value, done } = await this.blocks.next();
      this.isAtEnd = done === true;
      if (!this.isAtEnd) this.taken += (value as Float32Array).length;
      const block = this.isAtEnd ? this.resampler.finish() : this.resampler.push(value as Float32Array);
      if (block.length > 0) this.ready.push(block);
      this.count += block.length;
    }
  }
}

function* cut(waveform: Float32Array): Generator<Float32Array> {
  for (let start = 0; start < waveform.length; start += BLOCK_SAMPLES) {
    yield waveform.subarray(start, start + BLOCK_SAMPLES);
  }
}
