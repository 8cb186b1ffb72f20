/**
 * voxport in Node, on onnxruntime-node.
 */

import { readFile } from "node:fs/promises";

import * as ort from "onnxruntime-node";

import type { Audio } from "../audio.js";
import { AudioError, messageOf } from "../errors.js";
import { type Options, Recognizer } from "../recognizer.js";
import { readWav } from "../wav.js";
import { Folder } from "./folder.js";

export * from "../index.js";

/** A recognizer for the package in a folder. */
export async function load(folder: string, options: Options = {}): Promise<Recognizer> {
  return Recognizer.open(ort, new Folder(folder), options);
}

/** The audio in a wav file, at the file's own rate. */
export async function readAudio(path: string): Promise<Audio> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const reason = missing ? "there is no such file" : `cannot be read: ${messageOf(error)}`;
    throw new AudioError(reason, path, { cause: error });
  }
  return readWav(bytes, path);
}
