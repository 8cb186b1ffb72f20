/**
 * The part that all hosts share. The hosts' own entries, `voxport` in Node and in a browser, add
 * `load` and `readAudio`.
 */

export type { AlignedTranscript, Granularity } from "./align.js";
export { type Audio, type AudioStream, readAll } from "./audio.js";
export * from "./errors.js";
export { type Classification, Classifier, type LabelScore } from "./classifier.js";
export type { Emission } from "./emission.js";
export type { OnnxRuntime } from "./graph.js";
export { FORMATS, type Format, formatTranscript } from "./formats.js";
export { type Alignment, type Span, forcedAlign, logSoftmax } from "./forced-alignment.js";
export type { FileEntry } from "./file-entry.js";
export type {
  Artifact,
  GoldenAnswer,
  GoldenClip,
  Head,
  Manifest,
  Model,
  Task,
} from "./manifest.js";
export { parseManifest } from "./manifest.js";
export type { Choice, PackageFiles } from "./package.js";
export { chooseArtifact, readManifest } from "./package.js";
export type { Lengths, Progress } from "./long-recordings.js";
export { type AlignOptions, type Options, Recognizer, type RunOptions } from "./recognizer.js";
export { Resampler, resample } from "./resample.js";
export { STAR, Speller, type Spelling, type Unspelled } from "./spelling.js";
export { type Token, type Transcript, type Word, rounded } from "./transcript.js";
export { isWav, readWav } from "./wav.js";
