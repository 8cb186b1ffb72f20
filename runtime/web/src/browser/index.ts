/**
 * voxport in a browser, on onnxruntime-web's WASM build. For WebGPU, import that build and call
 * `Recognizer.open(ort, files, { session: { executionProviders: ["webgpu", "wasm"] } })`.
 */

import * as ort from "onnxruntime-web/wasm";

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
  const files = typeof source === "string" ? new ServedFiles(source.replace(/\/$/, "")) : source;
  return Recognizer.open(ort, files, options);
}
