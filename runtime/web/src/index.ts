/**
 * The part that all hosts share. The hosts' own entries, `voxport` in Node and in a browser, add
 * `load` and `readAudio`.
 */

export type { Audio } from "./audio.js";
export * from "./errors.js";
export { type Classification, Classifier, type LabelScore } from "./classifier.js";
export type { Emission, OnnxRuntime } from "./graph.js";
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
export { type Options, Recognizer } from "./recognizer.js";
export { resample } from "./resample.js";
export { type Token, type Transcript, type Word, rounded } from "./transcript.js";
export { isWav, readWav } from "./wav.js";
