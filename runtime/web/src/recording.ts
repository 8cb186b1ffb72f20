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

  /** Return the next `samples`; fewer only at the recording's end. */
  async read(samples = Infinity): Promise<Float32Array> {
    await this.prepare(samples);
    const result = new Float32Array(Math.min(samples, this.count));
    let place = 0;
    while (place < result.length) {
      const [block = new Float32Array()] = this.ready;
      const wanted = result.length - place;
      result.set(block.subarray(0, wanted), place);
      place += Math.min(wanted, block.length);
      if (block.length > wanted) this.ready[0] = block.subarray(wanted);
      else this.ready.shift();
    }
    this.count -= result.length;
    return result;
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
