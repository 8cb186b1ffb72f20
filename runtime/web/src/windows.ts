/**
 * Long recordings in overlapping windows: the cuts, and the stitching of emissions.
 *
 * Attention compares every frame with every other, so a recording of an hour cannot run as a whole.
 * It runs in overlapping windows, each with some seconds of context on either side of its own frames.
 * A window starts at a frame of the recording, so both have the same frames. It is cut at the quietest
 * moment. Two windows meet at the frame of the least effect: both are silent there, and the tokens
 * before it in the one and behind it in the other are those of both over the whole overlap. So a word
 * on a seam comes out once. The cuts and the seams are those of voxport's Python runtime.
 *
 * Knows samples, frames and the blank; no files, no graph and no text.
 */

import { editDistances } from "./edit-distance.js";
import { type Emission, bestLabels, framesOf } from "./emission.js";

const CONTEXT_SHARE = 1 / 8; // of a window, on either side: 5 s of 40
const SEARCH_SHARE = 1 / 4; // of a window: searched for a quiet moment, before the context at its end
const QUIET_FRAMES = 15; // length of a quiet moment: 0.3 s

/** Length of a window in the model's samples and frames. */
export class Geometry {
  constructor(
    readonly stride: number, // samples from a frame to the next
    readonly field: number, // samples under a frame: the receptive field
    readonly frames: number, // of the longest window
  ) {}

  /** Frames of context on either side of a window's own frames. */
  get context(): number {
    return Math.floor(this.frames * CONTEXT_SHARE);
  }

  /** Samples of the longest window. */
  get samples(): number {
    return this.span(this.frames);
  }

  /** Return the number of samples under `frames` frames. */
  span(frames: number): number {
    return (frames - 1) * this.stride + this.field;
  }
}

/** A part of a recording, run at once. */
export interface Window {
  readonly first: number; // frame of the recording that is this window's first
  readonly waveform: Float32Array; // (S,)
  readonly cut: number | null; // frame of the recording from which the next one answers; null: the last
}

/**
 * Yield the windows of a recording. `read` fills an array with its next samples and returns their
 * number, smaller only at its end. A window's samples are gone when the next one is asked for: all
 * share one array, so that an hour leaves no more to be collected than a minute.
 */
export async function* splitIntoWindows(
  read: (target: Float32Array) => Promise<number>,
  geometry: Geometry,
): AsyncGenerator<Window> {
  const waveform = new Float32Array(geometry.samples);
  let first = 0;
  let count = await read(waveform);
  while (count === waveform.length) {
    const cut = quietestFrame(waveform, geometry);
    const end = cut + geometry.context;
    yield { first, waveform: waveform.subarray(0, geometry.span(end)), cut: first + cut };
    const start = cut - geometry.context;
    waveform.copyWithin(0, start * geometry.stride);
    const kept = waveform.length - start * geometry.stride;
    count = kept + (await read(waveform.subarray(kept)));
    first += start;
  }
  yield { first, waveform: waveform.subarray(0, count), cut: null };
}

/**
 * Return the frame in the middle of a longest window's quietest moment, the latest of several. The
 * search leaves a whole context behind it, and at least as many new frames before it.
 */
export function quietestFrame(waveform: Float32Array, geometry: Geometry): number {
  const { stride, frames, context } = geometry;
  const last = frames - context;
  const first = last - Math.max(1, Math.floor(frames * SEARCH_SHARE));
  const length = Math.min(QUIET_FRAMES, last - first);
  const powers = Array.from({ length: last - first }, (_, i) => {
    const start = (first + i) * stride;
    return waveform.subarray(start, start + stride).reduce((sum, sample) => sum + sample * sample, 0);
  });
  let [quiet, least] = [0, Infinity];
  for (let i = 0; i + length <= powers.length; i++) {
    const sum = powers.slice(i, i + length).reduce((total, power) => total + power, 0);
    if (sum <= least) [quiet, least] = [i, sum];
  }
  return first + quiet + Math.floor(length / 2);
}

/**
 * Yield the emission of a recording in parts, from its windows' own, in order. A part is gone when the
 * next one is asked for.
 */
export async function* stitch(
  answers: AsyncIterable<readonly [Window, Emission]>,
  geometry: Geometry,
  blank: number,
): AsyncGenerator<Emission> {
  let place = 0; // the frame from which on nothing is given yet
  let cut = 0;
  let held: Emission | null = null; // what is known from there on
  let values = new Float32Array(); // of what is held: one array for all windows
  for await (const [window, emission] of answers) {
    if (held !== null) {
      const half = Math.floor(geometry.context / 2);
      const start = Math.max(place, cut - half);
      const end = cut + half;
      const old = framesOf(held, start - place, end - place);
      const fresh = framesOf(emission, start - window.first, end - window.first);
      const joint = start + findSeam(old, fresh, cut - start, blank);
      yield framesOf(held, 0, joint - place);
      place = joint;
    }
    const rest = framesOf(emission, place - window.first);
    if (rest.values.length > values.length) values = new Float32Array(rest.values.length);
    values.set(rest.values);
    held = { ...rest, values: values.subarray(0, rest.values.length) };
    cut = window.cut ?? place;
  }
  if (held !== null) yield held;
}

/**
 * Return the first frame taken from the `fresh` one of two windows. Of the frames inside no token, the
 * best makes the joined path nearest to both windows' own paths, counted in differing tokens; of
 * several, it is the one nearest to `near`.
 */
export function findSeam(old: Emission, fresh: Emission, near: number, blank: number): number {
  const count = Math.min(old.frames, fresh.frames); // the last window may end within the overlap
  const paths = [old, fresh].map((one) => bestLabels(framesOf(one, 0, count)));
  const [one, other] = paths.map((path) => tokensOf(path, blank));
  const [a, b] = paths;
  if (!one || !other || !a || !b) return 0;
  const before = editDistances(one.tokens, other.tokens);
  const after = editDistances(one.tokens.toReversed(), other.tokens.toReversed());
  const cells = after.values.length;
  let best = { frame: 0, isSilent: false, wrong: Infinity, distance: Infinity };
  for (let frame = 0; frame <= count; frame++) {
    const cell = (one.begun[frame] ?? 0) * before.width + (other.begun[frame] ?? 0);
    const found = {
      frame,
      isSilent: frame > 0 && a[frame - 1] === blank && b[frame - 1] === blank,
      wrong: (before.values[cell] ?? 0) + (after.values[cells - 1 - cell] ?? 0),
      distance: Math.abs(frame - near),
    };
    if (frame === 0 || isBetter(found, best)) best = found;
  }
  return best.frame;
}

interface Seam {
  readonly isSilent: boolean;
  readonly wrong: number; // tokens
  readonly distance: number; // frames
}

function isBetter(one: Seam, other: Seam): boolean {
  if (one.isSilent !== other.isSilent) return one.isSilent;
  if (one.wrong !== other.wrong) return one.wrong < other.wrong;
  return one.distance < other.distance;
}

/** Return a path's tokens, and the number begun before each frame and before its end. */
function tokensOf(path: Int32Array, blank: number): { tokens: number[]; begun: number[] } {
  const tokens: number[] = [];
  const begun = [0];
  path.forEach((label, frame) => {
    if (label !== blank && (frame === 0 || label !== path[frame - 1])) tokens.push(label);
    begun.push(tokens.length);
  });
  return { tokens, begun };
}
