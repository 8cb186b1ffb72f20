/** voxport in Node, on onnxruntime-node. */

import "./telemetry.js";

import * as ort from "onnxruntime-node";

import type { Audio } from "../audio.js";
import { Classifier } from "../classifier.js";
import { AudioError, messageOf } from "../errors.js";
import { type Options, Recognizer } from "../recognizer.js";
import { readWav } from "../wav.js";
import { Folder } from "./folder.js";
import { IrregularFileError, readRegularFile } from "./regular-file.js";

export * from "../index.js";

/** Load the package in a folder. */
export async function load(folder: string, options: Options = {}): Promise<Recognizer> {
  return Recognizer.open(ort, new Folder(folder), options);
}

/** Load the package in a folder, of a model that classifies recordings. */
export async function loadClassifier(folder: string, options: Options = {}): Promise<Classifier> {
  return Classifier.open(ort, new Folder(folder), options);
}

/** Read a wav file at its own rate. */
export async function readAudio(path: string): Promise<Audio> {
  let bytes: Uint8Array;
  try {
    bytes = await readRegularFile(path);
  } catch (error) {
    throw new AudioError(unreadable(error, path), path, { cause: error });
  }
  return readWav(bytes, path);
}

function unreadable(error: unknown, path: string): string {
  if (error instanceof IrregularFileError) {
    return error.isFolder ? "is a folder; give the audio files in it" : error.message;
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ENOTDIR") return `cannot be read: ${messageOf(error)}`;
  if (!path.includes("://")) return "there is no such file";
  return "is an address, and audio is read from files: download it first (curl -LO ADDRESS)";
}
