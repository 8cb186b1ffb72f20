/**
 * Greedy CTC decoding of emissions that no graph decodes: those of long recordings, stitched from many
 * runs. Path, times and scores equal the graph's own. Knows the blank, no labels and no text.
 */

import { type Emission, bestLabels } from "./emission.js";

/** CTC path: N tokens and the run of frames of each. */
export interface TokenPath {
  readonly tokens: readonly number[]; // indices into the labels
  readonly starts: readonly number[]; // frames
  readonly ends: readonly number[]; // frames, exclusive
  readonly scores: readonly number[]; // mean posterior
}

/** Decoder of an emission that comes in parts. */
export class PartDecoder {
  private readonly found = {
    tokens: [] as number[],
    starts: [] as number[],
    ends: [] as number[],
    scores: [] as number[],
  };
  private frames = 0; // so far

  constructor(private readonly blank: number) {}

  /** The path of the parts so far; all its tokens but the last are final. */
  get path(): TokenPath {
    return this.found;
  }

  /** Add a part. */
  push(part: Emission): void {
    const best = bestLabels(part);
    for (let start = 0; start < part.frames; ) {
      const label = best[start] ?? 0;
      let end = start;
      let total = 0;
      while (end < part.frames && best[end] === label) total += posterior(part, end++, label);
      if (label !== this.blank) this.append(label, start, end, total);
      start = end;
    }
    this.frames += part.frames;
  }

  /** Append a run of frames of the part; one that goes on across the seam is one. */
  private append(token: number, start: number, end: number, total: number): void {
    const { tokens, starts, ends, scores } = this.found;
    const [first, last] = [this.frames + start, this.frames + end];
    const at = tokens.length - 1;
    if (tokens[at] === token && ends[at] === first) {
      const [before = 0, score = 0] = [starts[at], scores[at]];
      scores[at] = (score * (first - before) + total) / (last - before);
      ends[at] = last;
      return;
    }
    tokens.push(token);
    starts.push(first);
    ends.push(last);
    scores.push(total / (end - start));
  }
}

/** Return the posterior of a frame's best label. */
function posterior({ values, labels }: Emission, frame: number, best: number): number {
  const peak = values[frame * labels + best] ?? 0;
  let sum = 0;
  for (let label = 0; label < labels; label++) {
    sum += Math.exp((values[frame * labels + label] ?? 0) - peak);
  }
  return 1 / sum;
}
