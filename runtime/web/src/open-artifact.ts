/**
 * From a package to a graph in a session: for every task.
 *
 * Does not know the build of ONNX Runtime, formats of files, or where packages lie.
 */

import type { InferenceSession } from "onnxruntime-common";

import { Graph, type OnnxRuntime, type Weights } from "./graph.js";
import type { Artifact, Manifest, Task } from "./manifest.js";
import { checkOnnx } from "./onnx-protobuf.js";
import { type Choice, type PackageFiles, chooseArtifact, readManifest } from "./package.js";

/** Choice of an artifact, and settings for its session. */
export interface Options extends Choice {
  readonly session?: InferenceSession.SessionOptions; // execution providers, threads, ...
}

export interface OpenedArtifact {
  readonly manifest: Manifest;
  readonly artifact: Artifact;
  readonly graph: Graph;
}

/** Open a package: the session gets the bytes that were hashed. `ort` may still be loading. */
export async function openArtifact(
  ort: OnnxRuntime | Promise<OnnxRuntime>,
  files: PackageFiles,
  options: Options,
  task: Task,
): Promise<OpenedArtifact> {
  const manifest = await readManifest(files);
  const artifact = chooseArtifact(manifest, options, files.name, task);
  const weights: Weights[] = [];
  for (const entry of artifact.externalData) {
    weights.push({ path: entry.path, data: await files.open(entry) });
  }
  const model = await files.open(artifact);
  const name = `${files.name}/${artifact.path}`;
  checkOnnx(model, weights.map(({ path }) => path), name);
  const graph = await Graph.open(await ort, name, model, weights, options.session ?? {});
  return { manifest, artifact, graph };
}

/** Pad the waveform to `least` samples at least. */
export function paddedTo(waveform: Float32Array, least: number): Float32Array {
  if (waveform.length >= least) return waveform;
  const padded = new Float32Array(least);
  padded.set(waveform);
  return padded;
}
