/**
 * Forced alignment: the most likely CTC path of a known sequence of labels.
 *
 * Path and scores equal voxport's Python runtime's, and so `torchaudio.functional.forced_align`'s: the
 * same sums in the same order, in float32, and the same choice among equal paths. Memory stays bounded
 * for hours of audio. Knows log-probabilities and label indices; neither audio, nor text, nor seconds.
 *
 * Between any two labels, before the first and after the last, the path may rest on the blank. With
 * l[k] the best sum of log-probabilities of a path that is on label k now, and b[k] of one that rests
 * before label k (b[L]: after the last), one frame further
 *
 *     b[k] = max(b[k], l[k - 1]) + log-probability of the blank
 *     l[k] = max(l[k], b[k], l[k - 1]) + log-probability of label k
 *
 * where of equal sums staying is preferred to moving, and b[k] to l[k - 1]. A byte is kept for each
 * move. A long problem is cut into chunks of K frames: the first pass keeps only the sums at the start
 * of each, and the path is traced from the end, chunk by chunk, each run again for those labels alone
 * that the path can still touch. It moves by at most one label a frame, so these are K.
 */

import type { Emission } from "./emission.js";
import { AlignmentError, InputError } from "./errors.js";

const ONE_PASS_CELLS = 1 << 25; // states by frames whose moves are kept in one pass, a byte each
const MIN_CHUNK_FRAMES = 256;
const [RESTED, MOVED] = [1, 2]; // bits: onto the blank from a label; onto a label from before it

/** A label of the text and its frames. */
export interface Span {
  readonly token: number;
  readonly start: number; // frame
  readonly end: number; // frame, exclusive
  readonly score: number; // mean posterior, 0 to 1
}

/** The best path through an emission of T frames. */
export interface Alignment {
  readonly path: Int32Array; // (T,) the label of every frame, blanks included
  readonly scores: Float32Array; // (T,) log-probabilities of these labels
  readonly spans: readonly Span[]; // the path's runs without its blanks, one for each label
}

/** Return the log-probabilities of logits. */
export function logSoftmax({ values, frames, labels }: Emission): Emission {
  const result = new Float32Array(values.length);
  for (let frame = 0; frame < frames; frame++) {
    const row = values.subarray(frame * labels, (frame + 1) * labels);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const centred = row.map((value) => value - most);
    const total = Math.log(centred.reduce((sum, value) => sum + Math.exp(value), 0));
    for (let i = 0; i < labels; i++) result[frame * labels + i] = (centred[i] ?? 0) - total;
  }
  return { values: result, frames, labels };
}

/** Append a label for anything, at no cost. */
export function appendStar({ values, frames, labels }: Emission): Emission {
  const result = new Float32Array(frames * (labels + 1));
  for (let frame = 0; frame < frames; frame++) {
    result.set(values.subarray(frame * labels, (frame + 1) * labels), frame * (labels + 1));
  }
  return { values: result, frames, labels: labels + 1 };
}

/**
 * Align log-probabilities with the labels of a text, which hold no blank; throw AlignmentError if the
 * text is longer than the audio allows, or empty, or impossible.
 */
export function forcedAlign(logProbs: Emission, targets: readonly number[], blank = 0): Alignment {
  if (logProbs.values.some(Number.isNaN)) {
    throw new InputError("the emission holds values that are not numbers (NaN)");
  }
  const labels = spelled(targets, blank, logProbs.labels);
  if (labels.length > logProbs.frames) {
    throw new AlignmentError(
      `the text is too long for the audio: its ${targets.length} labels need at least ` +
        `${labels.length} frames (a blank between two that are alike is one), and there are ` +
        `${logProbs.frames}`,
    );
  }
  const path = new Trellis(logProbs, labels, blank).path();
  const width = logProbs.labels;
  const scores = new Float32Array(path.length).map((_, frame) => {
    return logProbs.values[frame * width + (path[frame] ?? 0)] ?? 0;
  });
  return { path, scores, spans: spansOf(path, scores, blank) };
}

/** Return the labels with a blank between two equal ones: no path can leave it out. */
function spelled(targets: readonly number[], blank: number, classes: number): Int32Array {
  if (targets.length === 0) throw new AlignmentError("there are no labels to align");
  const isWrong = (token: number): boolean =>
    !Number.isInteger(token) || token < 0 || token >= classes || token === blank;
  if (targets.some(isWrong)) {
    throw new InputError(`labels must be 0 to ${classes - 1} and not the blank, ${blank}`);
  }
  const labels: number[] = [];
  for (const token of targets) {
    if (labels.at(-1) === token) labels.push(blank);
    labels.push(token);
  }
  return Int32Array.from(labels);
}

function spansOf(path: Int32Array, scores: Float32Array, blank: number): Span[] {
  const spans: Span[] = [];
  for (let start = 0; start < path.length; ) {
    const token = path[start] ?? 0;
    let end = start;
    let total = 0;
    while (end < path.length && path[end] === token) total += Math.exp(scores[end++] ?? 0);
    if (token !== blank) spans.push({ token, start, end, score: total / (end - start) });
    start = end;
  }
  return spans;
}

/** Best sums of paths after some frame. */
interface Front {
  readonly onLabel: Float32Array; // (L + 1,) of label k at k + 1
  readonly resting: Float32Array; // (L + 1,) before label k; the last: after all
}

class Trellis {
  private readonly count: number; // L
  private readonly frames: number; // T
  private readonly found: Int32Array; // (T,) the label of every frame
  private place: number; // of the trace: the label, or the one after the blank
  private rests = false; // the trace is on the blank before that label

  constructor(
    private readonly logProbs: Emission,
    private readonly labels: Int32Array, // at most as many as frames
    private readonly blank: number,
  ) {
    [this.count, this.frames] = [labels.length, logProbs.frames];
    this.found = new Int32Array(this.frames);
    this.place = this.count;
  }

  path(): Int32Array {
    const chunk = this.chunk();
    const last = Math.floor((this.frames - 1) / chunk) * chunk; // where the last chunk starts
    const front = this.start();
    const fronts: Front[] = [];
    for (let start = 0; start < last; start += chunk) {
      fronts.push({ onLabel: front.onLabel.slice(), resting: front.resting.slice() });
      this.advance(front, start, start + chunk, 0, this.count, null);
    }
    const moves = new Uint8Array((this.frames - last) * (this.count + 1));
    this.advance(front, last, this.frames, 0, this.count, moves);
    this.begin(front);
    this.trace(moves, last, this.frames, 0, this.count + 1);
    for (let start = last - chunk; start >= 0; start -= chunk) {
      const first = Math.max(0, this.place - 1 - chunk);
      const width = this.place + 1 - first;
      const kept = new Uint8Array(chunk * width);
      const from = fronts.pop();
      if (from === undefined) break;
      from.onLabel[first] = -Infinity;
      this.advance(from, start, start + chunk, first, this.place, kept);
      this.trace(kept, start, start + chunk, first, width);
    }
    return this.found;
  }

  private chunk(): number {
    const cells = 2 * this.frames * this.count;
    return cells <= ONE_PASS_CELLS ? this.frames : Math.max(MIN_CHUNK_FRAMES, Math.round(Math.cbrt(cells)));
  }

  /** Return the sums before the first frame: resting before the first label is free. */
  private start(): Front {
    const [onLabel, resting] = [0, 0].map(() => new Float32Array(this.count + 1).fill(-Infinity));
    if (onLabel === undefined || resting === undefined) throw new RangeError();
    resting[0] = 0;
    return { onLabel, resting };
  }

  /**
   * Move the sums over some frames, for the labels from `first` to `top`. Labels that no path from the
   * start has reached by then are not looked at, nor those that every path to the end has left.
   */
  private advance(
    { onLabel, resting }: Front,
    start: number,
    stop: number,
    first: number,
    top: number,
    moves: Uint8Array | null,
  ): void {
    const { values, labels: classes } = this.logProbs;
    const width = top + 1 - first;
    for (let t = start; t < stop; t++) {
      const row = t * classes;
      const blank = values[row + this.blank] ?? 0;
      const kept = (t - start) * width - first;
      const least = Math.max(0, first, this.count - this.frames + t);
      for (let k = Math.min(t, top, this.count); k >= least; k--) {
        const waiting = resting[k] ?? 0;
        const before = onLabel[k] ?? 0;
        const rest = before > waiting ? before : waiting;
        let move = before > waiting ? RESTED : 0;
        if (k < this.count) {
          const staying = onLabel[k + 1] ?? 0;
          if (rest > staying) move |= MOVED;
          const best = rest > staying ? rest : staying;
          onLabel[k + 1] = best + (values[row + (this.labels[k] ?? 0)] ?? 0);
        }
        resting[k] = rest + blank;
        if (moves !== null) moves[kept + k] = move;
      }
    }
  }

  /** Put the trace on the last state; of equal ones, the last label's. */
  private begin({ onLabel, resting }: Front): void {
    const [label = -Infinity, rest = -Infinity] = [onLabel[this.count], resting[this.count]];
    if (Math.max(label, rest) === -Infinity) {
      throw new AlignmentError("the emission gives the text no probability at all");
    }
    this.rests = label < rest;
    this.place = this.rests ? this.count : this.count - 1;
  }

  /** Fill in the labels of some frames backwards. */
  private trace(moves: Uint8Array, start: number, stop: number, first: number, width: number): void {
    for (let t = stop - 1; t >= start; t--) {
      this.found[t] = this.rests ? this.blank : (this.labels[this.place] ?? 0);
      const move = moves[(t - start) * width + this.place - first] ?? 0;
      if (!this.rests && (move & MOVED) === 0) continue;
      this.rests = (move & RESTED) === 0;
      if (!this.rests) this.place--;
    }
  }
}
