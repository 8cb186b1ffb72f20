/**
 * `Recognizer`: audio in, transcripts out.
 *
 * Knows no build of ONNX Runtime, no file format and no place where packages lie.
 */

import type { InferenceSession } from "onnxruntime-common";

import type { Audio } from "./audio.js";
import { AudioError } from "./errors.js";
import { type Emission, Graph, type OnnxRuntime, type Weights } from "./graph.js";
import type { Artifact, Manifest, Model } from "./manifest.js";
import { type Choice, type PackageFiles, chooseArtifact, readManifest } from "./package.js";
import { resample } from "./resample.js";
import { type Transcript, transcriptOf } from "./transcript.js";

const LEAST_RATE = 1_000; // Hz
const MOST_RATE = 1_000_000;

/** Which artifact of a package to run, and how. */
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

  /** No session sees a file before its hash is the manifest's. `ort` may still be on its way. */
  static async open(
    ort: OnnxRuntime | Promise<OnnxRuntime>,
    files: PackageFiles,
    options: Options = {},
  ): Promise<Recognizer> {
    const manifest = await readManifest(files);
    const artifact = chooseArtifact(manifest, options, files.name);
    const weights: Weights[] = [];
    for (const entry of artifact.externalData) {
      const data = await files.open(entry);
      // On a disk they lie beside the graph, and the session finds them itself.
      if (typeof data !== "string") weights.push({ path: entry.path, data });
    }
    const model = await files.open(artifact);
    const name = `${files.name}/${artifact.path}`;
    const graph = await Graph.open(await ort, name, model, weights, options.session ?? {});
    return new Recognizer(manifest, artifact, graph);
  }

  get model(): Model {
    return this.manifest.model;
  }

  async transcribe(audio: Audio): Promise<Transcript> {
    const waveform = this.resampled(audio);
    const output = await this.graph.decode(this.padded(waveform), waveform.length);
    return transcriptOf(output, this.seconds(audio), this.model);
  }

  async emission(audio: Audio): Promise<Emission> {
    const waveform = this.resampled(audio);
    return this.graph.emission(this.padded(waveform), waveform.length);
  }

  /** Both, in one run. */
  async recognize(audio: Audio): Promise<{ transcript: Transcript; emission: Emission }> {
    const waveform = this.resampled(audio);
    const [output, emission] = await this.graph.all(this.padded(waveform), waveform.length);
    return { transcript: transcriptOf(output, this.seconds(audio), this.model), emission };
  }

  /** Frees the session's memory; the recognizer is of no use afterwards. */
  async release(): Promise<void> {
    await this.graph.release();
  }

  private seconds(audio: Audio): number {
    return audio.waveform.length / audio.sampleRate;
  }

  /** The waveform at the model's rate. */
  private resampled({ waveform, sampleRate, name }: Audio): Float32Array {
    if (!Number.isInteger(sampleRate) || sampleRate < LEAST_RATE || sampleRate > MOST_RATE) {
      const reason = `the sample rate must be ${LEAST_RATE} to ${MOST_RATE}, got ${sampleRate}`;
      throw new AudioError(reason, name);
    }
    return resample(waveform, sampleRate, this.model.sampleRate);
  }

  /** With room for one frame at the least. */
  private padded(waveform: Float32Array): Float32Array {
    if (waveform.length >= this.model.receptiveField) return waveform;
    const padded = new Float32Array(this.model.receptiveField);
    padded.set(waveform);
    return padded;
  }
}
