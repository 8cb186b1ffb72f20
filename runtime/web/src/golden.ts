/**
 * Whether a recognizer gives the answer that its package promises.
 *
 * Kernels and drivers can be wrong without a word; one golden clip tells.
 */

import { messageOf } from "./errors.js";
import type { GoldenClip } from "./manifest.js";
import type { Recognizer } from "./recognizer.js";
import type { Transcript } from "./transcript.js";
import { readWav } from "./wav.js";

/** What is wrong with the answer to `clip`, whose file holds `bytes`, or null. */
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
