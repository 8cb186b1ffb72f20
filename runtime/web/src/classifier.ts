/**
 * `Classifier`: audio in, labels and their scores out.
 *
 * Does not know the build of ONNX Runtime, formats of files, or where packages lie.
 */

import type { Audio, AudioStream } from "./audio.js";
import { AudioError } from "./errors.js";
import { type Graph, type LabelOutput, type OnnxRuntime, broken } from "./graph.js";
import type { Artifact, Manifest, Model } from "./manifest.js";
import { type Options, openArtifact, paddedTo } from "./open-artifact.js";
import type { PackageFiles } from "./package.js";
import { Recording } from "./recording.js";

/** A label and its score. */
export interface LabelScore {
  readonly label: string;
  readonly score: number; // 0 to 1
}

/** The answer for one recording. */
export interface Classification {
  readonly label: string; // of the highest score, as the graph named it
  readonly scores: readonly LabelScore[]; // of the best labels, the highest first
  readonly duration: number; // seconds
  readonly logits: Float32Array; // of every label
}

const SCORE_ROUNDING = 1e-3; // a softmax may round to a little over 1

/** A loaded artifact of a model that classifies recordings. */
export class Classifier {
  private constructor(
    readonly manifest: Manifest,
    readonly artifact: Artifact,
    private readonly graph: Graph,
  ) {}

  /** Open a package. Rejects with ArtifactUnavailableError where the model's task is another. */
  static async open(
    ort: OnnxRuntime | Promise<OnnxRuntime>,
    files: PackageFiles,
    options: Options = {},
  ): Promise<Classifier> {
    const { manifest, artifact, graph } = await openArtifact(ort, files, options, "classification");
    return new Classifier(manifest, artifact, graph);
  }

  get model(): Model {
    return this.manifest.model;
  }

  /** Classify audio; `topK` is the number of scores. */
  async classify(
    audio: Audio | AudioStream,
    { topK = 5 }: { topK?: number } = {},
  ): Promise<Classification> {
    const recording = new Recording(audio, this.model.sampleRate);
    const waveform = await recording.read();
    const least = this.manifest.head?.leastSamples ?? 1;
    const duration = recording.seconds;
    if (waveform.length < least) {
      const seconds = (least / this.model.sampleRate).toFixed(4);
      throw new AudioError(
        `lasts ${duration.toFixed(4)} s, and the model needs at least ${seconds} s for an answer`,
        audio.name,
      );
    }
    const padded = paddedTo(waveform, this.model.receptiveField);
    const output = await this.graph.classify(padded, waveform.length);
    const scores = ranked(output, this.model.labels);
    return {
      label: output.label,
      scores: scores.slice(0, topK),
      duration,
      logits: output.logits,
    };
  }

  /** Free the session's memory; the classifier cannot be used afterwards. */
  async release(): Promise<void> {
    await this.graph.release();
  }
}

/** Return the labels by their scores, the highest first, once they are found to be the contract's. */
function ranked({ logits, scores, label }: LabelOutput, labels: readonly string[]): LabelScore[] {
  if (logits.length !== labels.length || scores.length !== labels.length) {
    throw broken(`${scores.length} scores for ${labels.length} labels`);
  }
  if (!logits.every(Number.isFinite)) throw broken("a logit that is not a number");
  const wrong = scores.find((score) => !(score >= -SCORE_ROUNDING && score <= 1 + SCORE_ROUNDING));
  if (wrong !== undefined) throw broken(`a score of ${wrong}`);
  const found = labels.map((name, i) => ({ label: name, score: scores[i] ?? 0 }));
  found.sort((a, b) => b.score - a.score);
  const best = found[0]?.score;
  if (!found.some((one) => one.score === best && one.label === label)) {
    throw broken("the label is not that of the highest score");
  }
  return found;
}
