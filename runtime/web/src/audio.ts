/**
 * A decoded recording. Knows neither files nor models.
 */

import { AudioError } from "./errors.js";

export interface Audio {
  readonly waveform: Float32Array; // (S,) the mean of the channels, -1 to 1
  readonly sampleRate: number; // Hz
  readonly name?: string; // what messages call it
}

/** Audio, once it is found to hold samples and nothing but numbers. */
export function checkedAudio(waveform: Float32Array, sampleRate: number, name: string): Audio {
  if (waveform.length === 0) throw new AudioError("holds no audio (0 samples)", name);
  const bad = waveform.findIndex((sample) => !Number.isFinite(sample));
  if (bad >= 0) {
    const near = (bad / sampleRate).toFixed(2);
    const reason = `holds samples that are not numbers (NaN or infinite), near ${near} s`;
    throw new AudioError(reason, name);
  }
  return { waveform, sampleRate, name };
}

/** The mean of channels that are equally long. */
export function mixed(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(), ...others] = channels;
  if (others.length === 0) return first;
  return first.map((sample, i) => {
    return others.reduce((sum, channel) => sum + (channel[i] ?? 0), sample) / channels.length;
  });
}
