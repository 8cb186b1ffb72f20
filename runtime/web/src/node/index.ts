/** voxport in Node, on onnxruntime-node. */

import "./telemetry.js";

import * as ort from "onnxruntime-node";

import { type Audio, readAll } from "../audio.js";
import { Classifier } from "../classifier.js";
import { type Options, Recognizer } from "../recognizer.js";
import { openAudio } from "./audio-file.js";
import { findPackage } from "./find.js";
import { Folder } from "./folder.js";

export * from "../index.js";
export { openAudio } from "./audio-file.js";
export { shippedModels } from "./find.js";

/** Load a package: its folder, or the name of a shipped model ("commands"). */
export async function load(name: string, options: Options = {}): Promise<Recognizer> {
  return Recognizer.open(ort, new Folder(findPackage(name)), options);
}

/** Load a package of a model that classifies recordings. */
export async function loadClassifier(name: string, options: Options = {}): Promise<Classifier> {
  return Classifier.open(ort, new Folder(findPackage(name)), options);
}

/** Read an audio file at its own rate. */
export async function readAudio(path: string): Promise<Audio> {
  return readAll(await openAudio(path));
}
