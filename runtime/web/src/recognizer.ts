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
import { type Transcript, transcriptOf } from "./transcript.js";

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

  /** No session sees a file before its hash is the manifest's. */
  static async open(
    ort: OnnxRuntime,
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
    const graph = await Graph.open(ort, name, model, weights, options.session ?? {});
    return new Recognizer(manifest, artifact, graph);
  }

  get model(): Model {
    return this.manifest.model;
  }

  async transcribe(audio: Audio): Promise<Transcript> {
    const output = await this.graph.decode(this.padded(audio), audio.waveform.length);
    return transcriptOf(output, this.seconds(audio), this.model);
  }

  async emission(audio: Audio): Promise<Emission> {
    return this.graph.emission(this.padded(audio), audio.waveform.length);
  }

  /** Both, in one run. */
  async recognize(audio: Audio): Promise<{ transcript: Transcript; emission: Emission }> {
    const [output, emission] = await this.graph.all(this.padded(audio), audio.waveform.length);
    return { transcript: transcriptOf(output, this.seconds(audio), this.model), emission };
  }

  /** Frees the session's memory; the recognizer is of no use afterwards. */
  async release(): Promise<void> {
    await this.graph.release();
  }

  private seconds(audio: Audio): number {
    return audio.waveform.length / audio.sampleRate;
  }

  /** The waveform with room for one frame at the least. */
  private padded(audio: Audio): Float32Array {
    const { sampleRate, receptiveField } = this.model;
    if (audio.sampleRate !== sampleRate) {
      throw new AudioError(
        `its sample rate is ${audio.sampleRate} Hz, the model wants ${sampleRate} Hz and nothing ` +
          `here resamples; convert it: ffmpeg -i FILE -ar ${sampleRate} new.wav`,
        audio.name,
      );
    }
    if (audio.waveform.length >= receptiveField) return audio.waveform;
    const padded = new Float32Array(receptiveField);
    padded.set(audio.waveform);
    return padded;
  }
}
