/**
 * voxport in a browser, on onnxruntime-web's WASM build. For WebGPU, import that build and call
 * `Recognizer.open(ort, files, { session: { executionProviders: ["webgpu", "wasm"] } })`.
 */

import * as ort from "onnxruntime-web/wasm";

import { Classifier } from "../classifier.js";
import type { PackageFiles } from "../package.js";
import { type Options, Recognizer } from "../recognizer.js";
import { ServedFiles } from "./files.js";

export * from "../index.js";
export { readAudio } from "./audio.js";
export { ChosenFiles, type Fetcher, ServedFiles } from "./files.js";

/** Load a package: the address of its folder, or chosen files. */
export async function load(
  source: string | PackageFiles,
  options: Options = {},
): Promise<Recognizer> {
  return Recognizer.open(ort, filesOf(source), options);
}

/** Load a package of a model that classifies recordings. */
export async function loadClassifier(
  source: string | PackageFiles,
  options: Options = {},
): Promise<Classifier> {
  return Classifier.open(ort, filesOf(source), options);
}

function filesOf(source: string | PackageFiles): PackageFiles {
  return typeof source === "string" ? new ServedFiles(source.replace(/\/$/, "")) : source;
}
