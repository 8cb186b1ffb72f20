/** A decoded recording. Knows neither files nor models. */

import { AudioError } from "./errors.js";

export interface Audio {
  readonly waveform: Float32Array; // (S,) the mean of the channels, -1 to 1
  readonly sampleRate: number; // Hz
  readonly name?: string; // in messages
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
export function isSilence(waveform: Float32Array): boolean {
  const peak = waveform.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  return peak > 0 && peak < SILENCE_AMPLITUDE;
}

/**
 * Check that a recording has samples, and that they are numbers, and return it; warn on the console
 * of one that is silence.
 */
export function checkedAudio(waveform: Float32Array, sampleRate: number, name: string): Audio {
  if (waveform.length === 0) throw new AudioError("holds no audio (0 samples)", name);
  const bad = waveform.findIndex((sample) => !(Math.abs(sample) <= MAX_AMPLITUDE));
  if (bad >= 0) {
    const kind = Number.isFinite(waveform[bad])
      ? "of more than 1e+10, where full scale is 1"
      : "that are not numbers (NaN or infinite)";
    throw new AudioError(`holds samples ${kind}, near ${(bad / sampleRate).toFixed(2)} s`, name);
  }
  if (isSilence(waveform)) {
    console.warn(`${name}: the whole recording is below -90 dB, silence to a model`);
  }
  return { waveform, sampleRate, name };
}

/** Mix channels of equal length to their mean. */
export function mixed(channels: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(), ...others] = channels;
  if (others.length === 0) return first;
  return first.map((sample, i) => {
    return others.reduce((sum, channel) => sum + (channel[i] ?? 0), sample) / channels.length;
  });
}
