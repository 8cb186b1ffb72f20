/**
 * `Recognizer`: audio in, transcripts out.
 *
 * Does not know the build of ONNX Runtime, formats of files, or where packages lie.
 */

import type { InferenceSession } from "onnxruntime-common";

import type { Audio } from "./audio.js";
import { AudioError } from "./errors.js";
import { type Emission, Graph, type OnnxRuntime, type Weights } from "./graph.js";
import type { Artifact, Manifest, Model } from "./manifest.js";
import { checkOnnx } from "./onnx-protobuf.js";
import { type Choice, type PackageFiles, chooseArtifact, readManifest } from "./package.js";
import { resample } from "./resample.js";
import { type Transcript, checkEmission, makeTranscript } from "./transcript.js";

const MIN_RATE_HZ = 1_000;
const MAX_RATE_HZ = 1_000_000;

/** Choice of an artifact, and settings for its session. */
export interface Options extends Choice {
  readonly session?: InferenceSession.SessionOptions; // execution providers, threads, ...
}

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
    const manifest = await readManifest(files);
    const artifact = chooseArtifact(manifest, options, files.name);
    const weights: Weights[] = [];
    for (const entry of artifact.externalData) {
      weights.push({ path: entry.path, data: await files.open(entry) });
    }
    const model = await files.open(artifact);
    const name = `${files.name}/${artifact.path}`;
    checkOnnx(model, weights.map(({ path }) => path), name);
    const graph = await Graph.open(await ort, name, model, weights, options.session ?? {});
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
  private resampled({ waveform, sampleRate, name }: Audio): Float32Array {
    if (!Number.isInteger(sampleRate) || sampleRate < MIN_RATE_HZ || sampleRate > MAX_RATE_HZ) {
      const reason = `the sample rate must be ${MIN_RATE_HZ} to ${MAX_RATE_HZ}, got ${sampleRate}`;
      throw new AudioError(reason, name);
    }
    return resample(waveform, sampleRate, this.model.sampleRate);
  }

  /** Pad the waveform to one receptive field at least. */
  private padded(waveform: Float32Array): Float32Array {
    if (waveform.length >= this.model.receptiveField) return waveform;
    const padded = new Float32Array(this.model.receptiveField);
    padded.set(waveform);
    return padded;
  }
}
