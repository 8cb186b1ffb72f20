/**
 * Runs an ONNX artifact in a session of ONNX Runtime, whichever build of it the host has.
 *
 * Knows the graph's inputs and outputs. Knows nothing of packages, hashes, audio files or labels.
 */

import type { InferenceSession, Tensor } from "onnxruntime-common";

import { InferenceError, messageOf } from "./errors.js";
import type { CheckedFile } from "./package.js";

/** What is used of onnxruntime-node, onnxruntime-web/wasm or onnxruntime-web/webgpu. */
export type OnnxRuntime = Pick<typeof import("onnxruntime-common"), "InferenceSession" | "Tensor">;

/** The output of the graph for one recording. */
export interface GraphOutput {
  readonly text: string;
  readonly tokens: readonly number[]; // (N,) indices into the labels
  readonly starts: readonly number[]; // (N,) frames
  readonly ends: readonly number[]; // (N,) frames, exclusive
  readonly scores: readonly number[]; // (N,) 0 to 1
}

/** The model's logits (log-probabilities for some models). */
export interface Emission {
  readonly values: Float32Array; // (frames, labels), row by row
  readonly frames: number;
  readonly labels: number;
}

export interface Weights {
  readonly path: string; // as the graph calls it
  readonly data: Uint8Array;
}

const EMISSION = ["emission", "emission_lengths"] as const;
const DECODED = [
  "tokens",
  "token_lengths",
  "token_starts",
  "token_ends",
  "token_scores",
  "transcript",
] as const;

const ERROR = 3; // of onnxruntime's severities

type Output = (typeof EMISSION)[number] | (typeof DECODED)[number];
type Tensors = Readonly<Record<string, Tensor>>;

/** A graph that was opened. */
export class Graph {
  private constructor(
    private readonly ort: OnnxRuntime,
    private readonly session: InferenceSession,
    private readonly name: string,
  ) {}

  /** `model` and `weights` were checked; `name` stands for the model in messages. */
  static async open(
    ort: OnnxRuntime,
    name: string,
    model: CheckedFile,
    weights: readonly Weights[],
    options: InferenceSession.SessionOptions,
  ): Promise<Graph> {
    const all: InferenceSession.SessionOptions = {
      logSeverityLevel: ERROR, // errors come as exceptions, and are said once
      ...options,
      ...(weights.length > 0 && { externalData: [...weights] }),
    };
    try {
      // Two calls, as the overloads for a path and for bytes are two.
      const session = await (typeof model === "string"
        ? ort.InferenceSession.create(model, all)
        : ort.InferenceSession.create(model, all));
      return new Graph(ort, session, name);
    } catch (error) {
      const reason = `onnxruntime cannot load it: ${messageOf(error)}`;
      throw new InferenceError(reason, name, { cause: error });
    }
  }

  async decode(waveform: Float32Array, length: number): Promise<GraphOutput> {
    return decoded(await this.run(waveform, length, DECODED));
  }

  async emission(waveform: Float32Array, length: number): Promise<Emission> {
    return emissionOf(await this.run(waveform, length, EMISSION));
  }

  /** Both, for the price of one. */
  async all(waveform: Float32Array, length: number): Promise<[GraphOutput, Emission]> {
    const tensors = await this.run(waveform, length, [...EMISSION, ...DECODED]);
    return [decoded(tensors), emissionOf(tensors)];
  }

  async release(): Promise<void> {
    await this.session.release();
  }

  /** `waveform` holds `length` valid samples and at least one frame. */
  private async run(
    waveform: Float32Array,
    length: number,
    outputs: readonly Output[],
  ): Promise<Tensors> {
    const { Tensor } = this.ort;
    const feeds = {
      waveform: new Tensor("float32", waveform, [1, waveform.length]),
      lengths: new Tensor("int64", BigInt64Array.of(BigInt(length)), [1]),
    };
    try {
      return await this.session.run(feeds, [...outputs]);
    } catch (error) {
      const message = messageOf(error);
      const advice = /memory|alloc/i.test(message) ? " (cut a long recording)" : "";
      const reason = `onnxruntime failed on ${waveform.length} samples: ${message}${advice}`;
      throw new InferenceError(reason, this.name, { cause: error });
    }
  }
}

function decoded(tensors: Tensors): GraphOutput {
  const count = integers(tensors, "token_lengths")[0] ?? 0;
  return {
    text: (values(tensors, "transcript") as string[])[0] ?? "",
    tokens: integers(tensors, "tokens").slice(0, count),
    starts: integers(tensors, "token_starts").slice(0, count),
    ends: integers(tensors, "token_ends").slice(0, count),
    scores: Array.from(values(tensors, "token_scores") as Float32Array).slice(0, count),
  };
}

function emissionOf(tensors: Tensors): Emission {
  const frames = integers(tensors, "emission_lengths")[0] ?? 0;
  const labels = tensors["emission"]?.dims[2] ?? 0;
  const all = values(tensors, "emission") as Float32Array;
  return { values: all.slice(0, frames * labels), frames, labels };
}

function integers(tensors: Tensors, name: Output): number[] {
  return Array.from(values(tensors, name) as BigInt64Array, Number);
}

function values(tensors: Tensors, name: Output): Tensor.DataType {
  const tensor = tensors[name];
  if (tensor === undefined) throw new InferenceError(`gave no output '${name}'`);
  return tensor.data;
}
