/** The package that the build put beside the page, and what of it serves as an example. */

import type { Audio } from "../../src/audio.js";
import { ServedFiles } from "../../src/browser/files.js";
import { type GoldenClip, type Manifest, parseManifest } from "../../src/manifest.js";
import { readWav } from "../../src/wav.js";
import { download } from "../offline/download.js";

const MOST_EXAMPLES = 4;

/** `address` ends in no slash; a worker does not know where the page lies. */
export function shippedPackage(address: string): ServedFiles {
  return new ServedFiles(address, (path) => download(`${address}/${path}`));
}

/** The recordings that come with the page. */
export async function examples(address: string): Promise<readonly GoldenClip[]> {
  return examplesOf(await parseManifest(await shippedPackage(address).manifest()));
}

export async function example(address: string, clip: GoldenClip): Promise<Audio> {
  return readWav(await download(`${address}/${clip.path}`), clip.path);
}

/** The golden clips that say most; the build copies these. */
export function examplesOf(manifest: Manifest): GoldenClip[] {
  const words = (clip: GoldenClip): number => clip.transcript.split(" ").length;
  return manifest.golden
    .filter((clip) => clip.transcript.trim() !== "")
    .sort((a, b) => words(b) - words(a))
    .slice(0, MOST_EXAMPLES);
}
