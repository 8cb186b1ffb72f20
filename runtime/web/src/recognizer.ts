/**
 * `Recognizer`: audio in, transcripts out.
 *
 * Does not know the build of ONNX Runtime, formats of files, or where packages lie.
 */

import type { Audio } from "./audio.js";
import type { Emission, Graph, OnnxRuntime } from "./graph.js";
import type { Artifact, Manifest, Model } from "./manifest.js";
import { type Options, openArtifact, paddedTo, resampledTo } from "./open-artifact.js";
import type { PackageFiles } from "./package.js";
import { type Transcript, checkEmission, makeTranscript } from "./transcript.js";

export type { Options };

/** A loaded artifact. */
export class Recognizer {
  private constructor(
    readonly manifest: Manifest,
    readonly artifact: Artifact,
    private readonly graph: Graph,
  ) {}

  /** Open a package: the session gets the bytes that were hashed. `ort` may still be loading. */
  static async open(
    ort: OnnxRuntime | Promise<OnnxRuntime>,
    files: PackageFiles,
    options: Options = {},
  ): Promise<Recognizer> {
    const { manifest, artifact, graph } = await openArtifact(ort, files, options, "transcription");
    return new Recognizer(manifest, artifact, graph);
  }

  get model(): Model {
    return this.manifest.model;
  }

  async transcribe(audio: Audio): Promise<Transcript> {
    const waveform = this.resampled(audio);
    const output = await this.graph.decode(this.padded(waveform), waveform.length);
    return makeTranscript(output, this.seconds(audio), this.model);
  }

  async emission(audio: Audio): Promise<Emission> {
    const waveform = this.resampled(audio);
    return checkEmission(
      await this.graph.emission(this.padded(waveform), waveform.length),
      this.model,
    );
  }

  /** Return both from one run. */
  async recognize(audio: Audio): Promise<{ transcript: Transcript; emission: Emission }> {
    const waveform = this.resampled(audio);
    const [output, emission] = await this.graph.all(this.padded(waveform), waveform.length);
    return {
      transcript: makeTranscript(output, this.seconds(audio), this.model),
      emission: checkEmission(emission, this.model),
    };
  }

  /** Free the session's memory; the recognizer cannot be used afterwards. */
  async release(): Promise<void> {
    await this.graph.release();
  }

  private seconds(audio: Audio): number {
    return audio.waveform.length / audio.sampleRate;
  }

  /** Return the waveform at the model's rate. */
  private resampled(audio: Audio): Float32Array {
    return resampledTo(audio, this.model.sampleRate);
  }

  /** Pad the waveform to one receptive field at least. */
  private padded(waveform: Float32Array): Float32Array {
    return paddedTo(waveform, this.model.receptiveField);
  }
}
