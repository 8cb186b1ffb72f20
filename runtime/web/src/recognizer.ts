/**
 * `Recognizer`: audio in, transcripts out.
 *
 * Does not know the build of ONNX Runtime, formats of files, or where packages lie.
 */

import { type AlignedTranscript, type Granularity, alignText } from "./align.js";
import type { Audio, AudioStream } from "./audio.js";
import { type Emission, copied, joined } from "./emission.js";
import { AlignmentError, InputError } from "./errors.js";
import { type Graph, type OnnxRuntime, broken } from "./graph.js";
import { PartDecoder } from "./greedy.js";
import { type Lengths, LongRecordings, type Progress } from "./long-recordings.js";
import type { Artifact, Manifest, Model } from "./manifest.js";
import { type Options as Opening, openArtifact, paddedTo } from "./open-artifact.js";
import type { PackageFiles } from "./package.js";
import { Recording } from "./recording.js";
import { type Transcript, checkEmission, makeTranscript, transcriptOf } from "./transcript.js";

/** Choice of an artifact, settings for its session, and lengths of recordings and windows. */
export interface Options extends Opening, Lengths {}

/** Options of one run. */
export interface RunOptions {
  readonly progress?: Progress; // of a long recording, window by window
}

/** Options of an alignment. */
export interface AlignOptions extends RunOptions {
  readonly granularity?: Granularity; // the times of words, or of whole sentences
}

/** Transcript and emission of one recording. */
interface Recognized {
  readonly transcript: Transcript;
  readonly emission: Emission;
}

/** A loaded artifact. */
export class Recognizer {
  private readonly long: LongRecordings;

  private constructor(
    readonly manifest: Manifest,
    readonly artifact: Artifact,
    private readonly graph: Graph,
    lengths: Lengths,
  ) {
    this.long = new LongRecordings(manifest.model, lengths);
  }

  /** Open a package: the session gets the bytes that were hashed. `ort` may still be loading. */
  static async open(
    ort: OnnxRuntime | Promise<OnnxRuntime>,
    files: PackageFiles,
    options: Options = {},
  ): Promise<Recognizer> {
    const { manifest, artifact, graph } = await openArtifact(ort, files, options, "transcription");
    return new Recognizer(manifest, artifact, graph, options);
  }

  get model(): Model {
    return this.manifest.model;
  }

  /** Transcribe a recording; one that is too long to run at once runs in windows. */
  async transcribe(audio: Audio | AudioStream, options: RunOptions = {}): Promise<Transcript> {
    return this.reading(audio, async (recording) => {
      if (await this.long.includes(recording)) return this.transcribeLong(recording, options);
      const waveform = await recording.read();
      const output = await this.graph.decode(this.padded(waveform), waveform.length);
      return makeTranscript(output, recording.seconds, this.model);
    });
  }

  /** Return the emission of a recording. */
  async emission(audio: Audio | AudioStream, options: RunOptions = {}): Promise<Emission> {
    return (await this.emissionAndSeconds(audio, options)).emission;
  }

  /** Return transcript and emission from one run. */
  async recognize(audio: Audio | AudioStream, options: RunOptions = {}): Promise<Recognized> {
    return this.reading(audio, async (recording) => {
      if (await this.long.includes(recording)) {
        const parts: Emission[] = [];
        const transcript = await this.transcribeLong(recording, options, parts);
        return { transcript, emission: joined(parts, this.model.labels.length) };
      }
      const waveform = await recording.read();
      const [output, emission] = await this.graph.all(this.padded(waveform), waveform.length);
      return {
        transcript: makeTranscript(output, recording.seconds, this.model),
        emission: checkEmission(emission, this.model),
      };
    });
  }

  /**
   * Find the times of a known text's words in a recording. "*" as a word stands for anything that the
   * text leaves out; characters that the labels cannot spell are in `unspelled`.
   */
  async align(
    audio: Audio | AudioStream,
    text: string,
    options: AlignOptions = {},
  ): Promise<AlignedTranscript> {
    const { granularity = "word" } = options;
    if (granularity !== "word" && granularity !== "sentence") {
      throw new InputError(`granularity must be word or sentence, got '${String(granularity)}'`);
    }
    if (typeof text !== "string") throw new InputError(`expected a text as a string, got ${typeof text}`);
    const { emission, seconds } = await this.emissionAndSeconds(audio, options);
    try {
      return alignText(emission, text, seconds, this.model, granularity);
    } catch (error) {
      if (!(error instanceof AlignmentError)) throw error;
      throw new AlignmentError(error.reason, audio.name);
    }
  }

  /** Free the session's memory; the recognizer cannot be used afterwards. */
  async release(): Promise<void> {
    await this.graph.release();
  }

  private async emissionAndSeconds(
    audio: Audio | AudioStream,
    options: RunOptions,
  ): Promise<{ emission: Emission; seconds: number }> {
    return this.reading(audio, async (recording) => {
      if (!(await this.long.includes(recording))) {
        const emission = await this.emit(await recording.read());
        return { emission, seconds: recording.seconds };
      }
      const parts: Emission[] = [];
      for await (const part of this.emissionOfLong(recording, options)) parts.push(copied(part));
      const emission = joined(parts, this.model.labels.length);
      return { emission, seconds: recording.seconds };
    });
  }

  /** Transcribe a long recording; the emission's parts are kept where there is a list for them. */
  private async transcribeLong(
    recording: Recording,
    options: RunOptions,
    kept?: Emission[],
  ): Promise<Transcript> {
    const decoder = new PartDecoder(this.model.blank);
    for await (const part of this.emissionOfLong(recording, options)) {
      decoder.push(part);
      kept?.push(copied(part));
    }
    return transcriptOf(decoder.path, recording.seconds, this.model);
  }

  private emissionOfLong(recording: Recording, { progress }: RunOptions): AsyncGenerator<Emission> {
    return this.long.emission(recording, (waveform) => this.emit(waveform), progress);
  }

  private async emit(waveform: Float32Array): Promise<Emission> {
    const emission = await this.graph.emission(this.padded(waveform), waveform.length);
    const most = Math.floor(waveform.length / this.model.frameStride + 1);
    if (emission.frames > most) throw broken(`${emission.frames} frames of at most ${most}`);
    return checkEmission(emission, this.model);
  }

  private async reading<T>(
    audio: Audio | AudioStream,
    work: (recording: Recording) => Promise<T>,
  ): Promise<T> {
    const recording = new Recording(audio, this.model.sampleRate);
    try {
      return await work(recording);
    } finally {
      await recording.close();
    }
  }

  /** Pad the waveform to one receptive field at least. */
  private padded(waveform: Float32Array): Float32Array {
    return paddedTo(waveform, this.model.receptiveField);
  }
}
