/** An emission's rows, and its best labels. Knows neither graphs nor models. */

/** The model's logits (log-probabilities for some models). */
export interface Emission {
  readonly values: Float32Array; // (frames, labels), row by row
  readonly frames: number;
  readonly labels: number;
}

/** Return the frames from `start` to before `end`, as a view; indices beyond the last are cut. */
export function framesOf(emission: Emission, start: number, end = emission.frames): Emission {
  const last = Math.min(Math.max(end, 0), emission.frames);
  const first = Math.min(Math.max(start, 0), last);
  const values = emission.values.subarray(first * emission.labels, last * emission.labels);
  return { values, frames: last - first, labels: emission.labels };
}

/** Return the label of the highest value of each frame; of equal ones the first. */
export function bestLabels({ values, frames, labels }: Emission): Int32Array {
  const best = new Int32Array(frames);
  for (let frame = 0; frame < frames; frame++) {
    let highest = -Infinity;
    for (let label = 0; label < labels; label++) {
      const value = values[frame * labels + label] ?? 0;
      if (value > highest) [highest, best[frame]] = [value, label];
    }
  }
  return best;
}

/** Join parts of an emission, one behind another. */
export function joined(parts: readonly Emission[], labels: number): Emission {
  const frames = parts.reduce((sum, part) => sum + part.frames, 0);
  const values = new Float32Array(frames * labels);
  let place = 0;
  for (const part of parts) {
    values.set(part.values, place);
    place += part.values.length;
  }
  return { values, frames, labels };
}

/** Return an emission with values of its own. */
export function copied(emission: Emission): Emission {
  return { ...emission, values: emission.values.slice() };
}
