/** The heat map's values: probabilities, and the labels with a row. */

import type { Emission, Model } from "../../../src/index.js";

const MAX_LABELS = 40; // rows that can be read; the likeliest where a model has more
const MAX_LABEL_CHARACTERS = 8;

export interface Posteriors {
  readonly values: Float32Array; // (frames, rows), 0 to 1, row by row
  readonly frames: number;
  readonly rows: readonly Row[];
}

export interface Row {
  readonly label: number; // index into the model's labels
  readonly name: string;
}

/** Compute the posteriors of an emission. */
export function posteriorsOf(emission: Emission, model: Model): Posteriors {
  const all = softmax(emission);
  const rows = chooseLabels(all, emission, model).map((label) => ({ label, name: named(model, label) }));
  const values = new Float32Array(emission.frames * rows.length);
  for (let frame = 0; frame < emission.frames; frame++) {
    rows.forEach(({ label }, row) => {
      values[frame * rows.length + row] = all[frame * emission.labels + label] ?? 0;
    });
  }
  return { values, frames: emission.frames, rows };
}

/** Return the rows of a frame with their probabilities, the likeliest first. */
export function likeliest({ values, rows }: Posteriors, frame: number): [Row, number][] {
  return rows
    .map((row, i): [Row, number] => [row, values[frame * rows.length + i] ?? 0])
    .sort(([, a], [, b]) => b - a);
}

/** Return the probabilities, of logits or of log-probabilities. */
function softmax({ values, frames, labels }: Emission): Float32Array {
  const result = new Float32Array(values.length);
  for (let frame = 0; frame < frames; frame++) {
    const scores = values.subarray(frame * labels, (frame + 1) * labels);
    const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
    const weights = scores.map((score) => Math.exp(score - most));
    const total = weights.reduce((a, b) => a + b, 0);
    result.set(
      weights.map((weight) => weight / total),
      frame * labels,
    );
  }
  return result;
}

/** Choose all labels in their order, or those with the highest peaks. */
function chooseLabels(values: Float32Array, { labels }: Emission, model: Model): number[] {
  const peaks = Array.from({ length: labels }, () => 0);
  values.forEach((value, i) => (peaks[i % labels] = Math.max(peaks[i % labels] ?? 0, value)));
  peaks[model.blank] = Infinity;
  return peaks
    .map((peak, label) => ({ peak, label }))
    .sort((a, b) => b.peak - a.peak)
    .slice(0, MAX_LABELS)
    .map(({ label }) => label)
    .sort((a, b) => a - b);
}

function named(model: Model, label: number): string {
  const text = model.labels[label] ?? "";
  if (label === model.blank) return "blank";
  if (text === model.wordDelimiter) return "space";
  if (text === "") return `#${label}`;
  return text.length <= MAX_LABEL_CHARACTERS ? text : `${text.slice(0, MAX_LABEL_CHARACTERS - 1)}…`;
}
