/**
 * The answer for one recording, made from the graph's output.
 *
 * Frame t of a model with a stride of s samples at r Hz stands for the s samples from t * s on, so
 * a token on the frames start..end-1 lasts from start * s / r to end * s / r seconds, clipped to the
 * recording. A word's score is the mean of its tokens', each weighted by its frames.
 */

import type { Emission } from "./emission.js";
import { type GraphOutput, broken } from "./graph.js";
import type { TokenPath } from "./greedy.js";
import type { Model } from "./manifest.js";

/** A label with its times and score. */
export interface Token {
  readonly text: string; // the label; the word delimiter is a space
  readonly start: number; // seconds
  readonly end: number; // seconds
  readonly score: number; // 0 to 1: mean posterior over the token's frames
}

/** A run of tokens between two word delimiters; all tokens where the model has no delimiter. */
export interface Word {
  readonly text: string;
  readonly start: number; // seconds, of its first token
  readonly end: number; // seconds, of its last token
  readonly score: number; // 0 to 1
}

/** The answer for one recording. */
export interface Transcript {
  readonly text: string; // exactly as the graph decoded it
  readonly duration: number; // seconds
  readonly words: readonly Word[];
  readonly tokens: readonly Token[]; // their texts joined are `text`
}

/**
 * Round to four decimals, half up, as every host of voxport prints times and scores: their later
 * digits differ by batch and by processor.
 */
export function rounded(value: number): number {
  return Math.floor(value * 1e4 + 0.5) / 1e4;
}

const SCORE_ROUNDING = 1e-3; // a mean of probabilities may round to a little over 1

/** Make the transcript of a recording of `duration` seconds; refuses an answer that breaks the contract. */
export function makeTranscript(output: GraphOutput, duration: number, model: Model): Transcript {
  checkFrames(output, duration, model);
  checkPath(output, model);
  const transcript = transcriptOf(output, duration, model);
  if (transcript.text !== output.text) throw broken("its transcript is not its tokens joined");
  return transcript;
}

/** Make the transcript of a path that was decoded here. */
export function transcriptOf(output: TokenPath, duration: number, model: Model): Transcript {
  const texts = output.tokens.map((label) => piece(model, label));
  if (model.labels.some(beginsWord)) dropFirstSpace(texts);
  const tokens = output.tokens.map((label, i) => ({
    text: texts[i] ?? "",
    start: Math.min((frame(output.starts, i) * model.frameStride) / model.sampleRate, duration),
    end: Math.min((frame(output.ends, i) * model.frameStride) / model.sampleRate, duration),
    score: output.scores[i] ?? 0,
    frames: frame(output.ends, i) - frame(output.starts, i),
    isGap: model.labels[label] === model.wordDelimiter,
    begins: beginsWord(model.labels[label] ?? ""),
    hasText: model.labels[label] !== "",
  }));
  return {
    text: texts.join(""),
    duration,
    words: runs(tokens).map(wordOf),
    tokens: tokens.map(({ text, start, end, score }) => ({ text, start, end, score })),
  };
}

interface Heard extends Token {
  readonly frames: number;
  readonly isGap: boolean;
  readonly begins: boolean; // a word
  readonly hasText: boolean; // outputs without a token have none
}

/** Check that the logits are numbers, one a label. */
export function checkEmission(emission: Emission, model: Model): Emission {
  if (emission.labels !== model.labels.length) {
    throw broken(`${emission.labels} logits a frame for ${model.labels.length} labels`);
  }
  if (emission.values.some(Number.isNaN)) throw broken("a logit that is not a number");
  return emission;
}

/** Check that the frames are those of so many seconds: else each time would be wrong. */
function checkFrames({ frames }: GraphOutput, duration: number, model: Model): void {
  const most = Math.floor((duration * model.sampleRate) / model.frameStride + 1);
  if (frames > most) throw broken(`${frames} frames, and the recording has at most ${most}`);
}

/** Check the token path: labels of the model, runs of frames one behind another, probabilities. */
function checkPath({ tokens, starts, ends, scores, frames }: GraphOutput, model: Model): void {
  let frame = 0;
  tokens.forEach((token, i) => {
    const [start = -1, end = -1, score = NaN] = [starts[i], ends[i], scores[i]];
    if (token < 0 || token >= model.labels.length) {
      throw broken(`token ${token} of ${model.labels.length} labels`);
    }
    if (!(frame <= start && start < end && end <= frames)) {
      throw broken(`a token on the frames ${start} to ${end} of ${frames}`);
    }
    if (!(score >= -SCORE_ROUNDING && score <= 1 + SCORE_ROUNDING)) {
      throw broken(`a score of ${score}`);
    }
    frame = end;
  });
}

/** Return the tokens of each word. */
function runs(tokens: readonly Heard[]): Heard[][] {
  const found: Heard[][] = [[]];
  for (const token of tokens) {
    if (!token.hasText) continue;
    if (token.begins) found.push([]);
    if (!token.isGap) found.at(-1)?.push(token);
    // A phoneme is a word: its label ends in a space.
    if (token.isGap || token.text.endsWith(" ")) found.push([]);
  }
  return found.filter((run) => run.length > 0);
}

function wordOf(run: readonly Heard[]): Word {
  const frames = run.reduce((sum, token) => sum + token.frames, 0);
  const total = run.reduce((sum, token) => sum + token.score * token.frames, 0);
  return {
    text: run.map((token) => token.text).join("").replace(/^ +| +$/g, ""),
    start: run[0]?.start ?? 0,
    end: run.at(-1)?.end ?? 0,
    score: total / Math.max(1, frames),
  };
}

/** Return whether a label begins a word: a space with text behind it, as word pieces have. */
function beginsWord(label: string): boolean {
  return /^ +[^ ]/.test(label);
}

/** Drop the space in front of the first piece with a text. */
function dropFirstSpace(texts: string[]): void {
  const first = texts.findIndex((text) => text !== "");
  if (first >= 0) texts[first] = (texts[first] ?? "").replace(/^ +/, "");
}

/** Return a label's part of a transcript: itself, or a space for the word delimiter. */
function piece(model: Model, label: number): string {
  const text = model.labels[label] ?? "";
  return text === model.wordDelimiter ? " " : text;
}

function frame(frames: readonly number[], index: number): number {
  return frames[index] ?? 0;
}
