/**
 * The check of a recognizer against a golden clip of its package: kernels and drivers can be wrong in
 * silence.
 */

import { messageOf } from "./errors.js";
import type { GoldenClip } from "./manifest.js";
import type { Recognizer } from "./recognizer.js";
import type { Transcript } from "./transcript.js";
import { readWav } from "./wav.js";

/** Return the fault of the answer to `clip`, whose file holds `bytes`, or null. */
export async function disagreement(
  recognizer: Recognizer,
  clip: GoldenClip,
  bytes: Uint8Array,
): Promise<string | null> {
  let heard: Transcript;
  try {
    heard = await recognizer.transcribe(readWav(bytes, clip.path));
  } catch (error) {
    return messageOf(error);
  }
  if (heard.text === clip.transcript) return null;
  return `gives '${heard.text}' for the package's ${clip.path}, expected '${clip.transcript}'`;
}
