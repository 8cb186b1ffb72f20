/**
 * Recordings too long to run at once, and their emission window by window.
 *
 * Knows a graph and its limits; nothing of the use of an emission.
 */

import type { Emission } from "./emission.js";
import { InputError } from "./errors.js";
import type { Model } from "./manifest.js";
import type { Recording } from "./recording.js";
import { Geometry, type Window, splitIntoWindows, stitch } from "./windows.js";

// Up to here a recording runs at once, as a model's own forward would have it: its normalisation and
// its attention see all of it.
export const WHOLE_SECONDS = 120;

// A longer one runs in windows of at most 40 s, 2 000 frames, of which 250 on either side are
// context: however long the recording, one is in memory.
export const WINDOW_SECONDS = 40;

const MIN_WINDOW_SECONDS = 5;

/** Limits of a run at once. */
export interface Lengths {
  readonly wholeSeconds?: number; // the longest recording that runs at once, 120 without it
  readonly windowSeconds?: number; // the windows of longer ones, 40 without it
}

/**
 * Called while a long recording is under way, with the seconds done and, where the length is known, of
 * how many.
 */
export type Progress = (seconds: number, ofSeconds: number | undefined) => void;

/** Limits of a run at once, and windows for longer recordings. */
export class LongRecordings {
  private readonly whole: number; // samples
  private readonly geometry: Geometry;

  constructor(
    private readonly model: Model,
    { wholeSeconds = WHOLE_SECONDS, windowSeconds = WINDOW_SECONDS }: Lengths,
  ) {
    checkLengths(wholeSeconds, windowSeconds);
    const { sampleRate, frameStride, receptiveField } = model;
    this.whole = Math.floor(wholeSeconds * sampleRate);
    const samples = Math.floor(windowSeconds * sampleRate);
    const frames = Math.floor((samples - receptiveField) / frameStride) + 1;
    this.geometry = new Geometry(frameStride, receptiveField, Math.max(1, frames));
  }

  /** Return true for a recording too long to run at once. */
  async includes(recording: Recording): Promise<boolean> {
    if (!(await recording.exceeds(this.geometry.samples))) return false;
    return recording.exceeds(this.whole);
  }

  /** Yield the parts of the emission in order; `run` gives a window's own. */
  emission(
    recording: Recording,
    run: (waveform: Float32Array) => Promise<Emission>,
    progress?: Progress,
  ): AsyncGenerator<Emission> {
    return stitch(this.runWindows(recording, run, progress), this.geometry, this.model.blank);
  }

  private async *runWindows(
    recording: Recording,
    run: (waveform: Float32Array) => Promise<Emission>,
    progress?: Progress,
  ): AsyncGenerator<readonly [Window, Emission]> {
    const windows = splitIntoWindows((target) => recording.readInto(target), this.geometry);
    for await (const window of windows) {
      yield [window, await run(window.waveform)];
      const samples = window.first * this.geometry.stride + window.waveform.length;
      progress?.(samples / this.model.sampleRate, recording.promised);
    }
  }
}

/** Refuse lengths that make no sense. */
function checkLengths(wholeSeconds: number, windowSeconds: number): void {
  if (!(wholeSeconds >= 0)) {
    throw new InputError(`wholeSeconds must be at least 0, got ${wholeSeconds}`);
  }
  if (!(windowSeconds >= MIN_WINDOW_SECONDS && windowSeconds < Infinity)) {
    throw new InputError(
      `windowSeconds must be finite and at least ${MIN_WINDOW_SECONDS}, got ${windowSeconds}`,
    );
  }
}
