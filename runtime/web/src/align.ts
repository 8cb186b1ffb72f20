/**
 * Aligns a known text with a recording: times and scores of its words.
 *
 * Joins `spelling` (text to labels) and `forced-alignment` (labels to frames). Knows emissions; neither
 * files nor graphs.
 */

import type { Emission } from "./emission.js";
import { appendStar, forcedAlign, logSoftmax } from "./forced-alignment.js";
import type { Model } from "./manifest.js";
import { endsSentence } from "./sentences.js";
import { STAR, Speller, type Unspelled, splitWords } from "./spelling.js";
import type { Transcript, Word } from "./transcript.js";

/** A text with times: words as in the text, tokens as spelled. A star's score is always 1. */
export interface AlignedTranscript extends Transcript {
  readonly unspelled: readonly Unspelled[]; // characters without a label
}

export type Granularity = "word" | "sentence";

/** Align a text with an emission of so many seconds. */
export function alignText(
  emission: Emission,
  text: string,
  duration: number,
  model: Model,
  granularity: Granularity = "word",
): AlignedTranscript {
  const spelling = new Speller(model).spell(text);
  const logProbs = model.emission === "log_probs" ? emission : logSoftmax(emission);
  const { spans } = forcedAlign(appendStar(logProbs), spelling.tokens, model.blank);
  const labels = [...model.labels, STAR];
  const seconds = (frame: number): number =>
    Math.min((frame * model.frameStride) / model.sampleRate, duration);
  const tokens = spans.map(({ token, start, end, score }) => {
    const label = labels[token] ?? "";
    const shown = label === model.wordDelimiter ? " " : label;
    return { text: shown, start: seconds(start), end: seconds(end), score };
  });
  const runs = spelling.texts.map((): number[] => []);
  spelling.words.forEach((word, i) => {
    if (word !== null) runs[word]?.push(i);
  });
  const words = spelling.texts.map((written, word) => {
    const run = runs[word] ?? [];
    const frames = run.map((i) => (spans[i]?.end ?? 0) - (spans[i]?.start ?? 0));
    const total = run.reduce((sum, i, at) => sum + (tokens[i]?.score ?? 0) * (frames[at] ?? 0), 0);
    return {
      text: written,
      start: tokens[run[0] ?? 0]?.start ?? 0,
      end: tokens[run.at(-1) ?? 0]?.end ?? 0,
      score: total / Math.max(1, frames.reduce((sum, count) => sum + count, 0)),
    };
  });
  const aligned = {
    text: splitWords(text).join(" "),
    duration,
    words,
    tokens,
    unspelled: spelling.unspelled,
  };
  return granularity === "sentence" ? joinSentences(aligned) : aligned;
}

/** Return an aligned transcript with whole sentences for words. */
function joinSentences(aligned: AlignedTranscript): AlignedTranscript {
  const sentences: Word[][] = [[]];
  for (const word of aligned.words) {
    sentences.at(-1)?.push(word);
    if (endsSentence(word.text)) sentences.push([]);
  }
  const words = sentences.filter(({ length }) => length > 0).map((one) => joined(one, aligned.text));
  return { ...aligned, words };
}

function joined(words: readonly Word[], text: string): Word {
  const seconds = words.map(({ start, end }) => Math.max(end - start, 1e-9));
  const total = words.reduce((sum, { score }, i) => sum + score * (seconds[i] ?? 0), 0);
  const parts = words.map((word) => word.text);
  const isApart = text.includes(parts.join(" ")) || !text.includes(parts.join(""));
  return {
    text: parts.join(isApart ? " " : ""),
    start: words[0]?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
    score: total / seconds.reduce((sum, one) => sum + one, 0),
  };
}
