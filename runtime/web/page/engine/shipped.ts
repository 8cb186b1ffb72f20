/** The package beside the page, and its examples. */

import type { Audio } from "../../src/audio.js";
import { ServedFiles } from "../../src/browser/files.js";
import { type GoldenClip, type Manifest, parseManifest } from "../../src/manifest.js";
import { readWav } from "../../src/wav.js";
import { download } from "../offline/download.js";

const MAX_EXAMPLES = 4;

/** `address` without a slash at its end; a worker does not know the page's own. */
export function shippedPackage(address: string): ServedFiles {
  return new ServedFiles(address, (path) => download(`${address}/${path}`));
}

/** Return the examples of the package at `address`. */
export async function readExamples(address: string): Promise<readonly GoldenClip[]> {
  return chooseExamples(await parseManifest(await shippedPackage(address).manifest()));
}

/** Read the recording of an example. */
export async function readExample(address: string, clip: GoldenClip): Promise<Audio> {
  return readWav(await download(`${address}/${clip.path}`), clip.path);
}

/** Choose the golden clips with the most words; the build copies these. */
export function chooseExamples(manifest: Manifest): GoldenClip[] {
  const words = (clip: GoldenClip): number => clip.transcript.split(" ").length;
  return manifest.golden
    .filter((clip) => clip.transcript.trim() !== "")
    .sort((a, b) => words(b) - words(a))
    .slice(0, MAX_EXAMPLES);
}
