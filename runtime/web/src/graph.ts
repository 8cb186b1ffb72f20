/**
 * Runs an ONNX artifact in a session of ONNX Runtime, of whichever build the host has.
 *
 * Knows the graph's inputs and outputs. Knows nothing of packages, hashes, audio files or labels.
 */

import type { InferenceSession, Tensor } from "onnxruntime-common";

import type { Emission } from "./emission.js";
import { InferenceError, messageOf } from "./errors.js";

/** The part of onnxruntime-node, onnxruntime-web/wasm or onnxruntime-web/webgpu in use here. */
export type OnnxRuntime = Pick<typeof import("onnxruntime-common"), "InferenceSession" | "Tensor">;

/** The output of the graph for one recording; types and shapes are checked, values are not. */
export interface GraphOutput {
  readonly frames: number; // valid ones
  readonly text: string;
  readonly tokens: readonly number[]; // (N,) indices into the labels
  readonly starts: readonly number[]; // (N,) frames
  readonly ends: readonly number[]; // (N,) frames, exclusive
  readonly scores: readonly number[]; // (N,) 0 to 1
}

/** The output of a classifier's graph for one recording; types and shapes are checked. */
export interface LabelOutput {
  readonly logits: Float32Array; // (labels,)
  readonly scores: Float32Array; // (labels,) 0 to 1
  readonly label: string;
}

export interface Weights {
  readonly path: string; // its name in the graph
  readonly data: Uint8Array;
}

const EMISSION = ["emission", "emission_lengths"] as const;
const DECODED = [
  "emission_lengths",
  "tokens",
  "token_lengths",
  "token_starts",
  "token_ends",
  "token_scores",
  "transcript",
] as const;

const LABELLED = ["logits", "scores", "label"] as const;

const ERROR = 3; // one of onnxruntime's severities

type Output =
  | (typeof EMISSION)[number]
  | (typeof DECODED)[number]
  | (typeof LABELLED)[number];
type Tensors = Readonly<Record<string, Tensor>>;

/** A loaded graph. */
export class Graph {
  private constructor(
    private readonly ort: OnnxRuntime,
    private readonly session: InferenceSession,
    private readonly name: string,
  ) {}

  /** Load `model` and its `weights`, which were checked; `name` stands for the model in messages. */
  static async open(
    ort: OnnxRuntime,
    name: string,
    model: Uint8Array,
    weights: readonly Weights[],
    options: InferenceSession.SessionOptions,
  ): Promise<Graph> {
    const all: InferenceSession.SessionOptions = {
      logSeverityLevel: ERROR, // errors come as exceptions, and are said once
      enableMemPattern: false, // a plan for every length would be kept for ever
      ...options,
      extra: { ...options.extra, session: { ...sessionOf(options), load_model_format: "ONNX" } },
      ...(weights.length > 0 && { externalData: [...weights] }),
    };
    try {
      return new Graph(ort, await ort.InferenceSession.create(model, all), name);
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

  /** Return both from one run. */
  async all(waveform: Float32Array, length: number): Promise<[GraphOutput, Emission]> {
    const tensors = await this.run(waveform, length, [...new Set([...EMISSION, ...DECODED])]);
    return [decoded(tensors), emissionOf(tensors)];
  }

  /** Run the graph of a classifier. */
  async classify(waveform: Float32Array, length: number): Promise<LabelOutput> {
    const tensors = await this.run(waveform, length, LABELLED);
    return {
      logits: values(tensors, "logits", 2, Float32Array).slice(),
      scores: values(tensors, "scores", 2, Float32Array).slice(),
      label: String(values(tensors, "label", 1, Array)[0]),
    };
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
  const count = integers(tensors, "token_lengths", 1)[0] ?? 0;
  const tokens = integers(tensors, "tokens", 2);
  const starts = integers(tensors, "token_starts", 2);
  const ends = integers(tensors, "token_ends", 2);
  const scores = Array.from(values(tensors, "token_scores", 2, Float32Array));
  const held = Math.min(tokens.length, starts.length, ends.length, scores.length);
  if (count < 0 || count > held) throw broken(`${count} tokens of ${held}`);
  return {
    frames: integers(tensors, "emission_lengths", 1)[0] ?? 0,
    text: String(values(tensors, "transcript", 1, Array)[0]),
    tokens: tokens.slice(0, count),
    starts: starts.slice(0, count),
    ends: ends.slice(0, count),
    scores: scores.slice(0, count),
  };
}

function emissionOf(tensors: Tensors): Emission {
  const frames = integers(tensors, "emission_lengths", 1)[0] ?? 0;
  const all = values(tensors, "emission", 3, Float32Array);
  const [, held = 0, labels = 0] = tensors["emission"]?.dims ?? [];
  if (frames < 0 || frames > held) throw broken(`${frames} frames of ${held}`);
  return { values: all.slice(0, frames * labels), frames, labels };
}

function integers(tensors: Tensors, name: Output, rank: number): number[] {
  return Array.from(values(tensors, name, rank, BigInt64Array), Number);
}

/** Return the data of an output of one row, once its type and shape are found to be the contract's. */
function values<T>(
  tensors: Tensors,
  name: Output,
  rank: number,
  Type: new (...args: never[]) => T,
): T {
  const tensor = tensors[name];
  if (tensor === undefined) throw broken(`there is no output '${name}'`);
  const { data, dims } = tensor;
  if (data instanceof Type && dims.length === rank && dims[0] === 1) return data;
  throw broken(`the output '${name}' has another type or shape than voxport writes`);
}

/** The graph may be a stranger's: nothing that it says is believed before it was checked. */
export function broken(reason: string): InferenceError {
  return new InferenceError(
    `the graph's answer breaks its contract: ${reason}; export the package again`,
  );
}

function sessionOf({ extra }: InferenceSession.SessionOptions): object {
  return (extra?.["session"] as object | undefined) ?? {};
}
