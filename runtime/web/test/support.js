/** Helpers of the tests: the package under test, its golden answers, spoiled copies of it. */

import { mkdtempSync, rmSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const WEB = dirname(dirname(fileURLToPath(import.meta.url)));
export const ROOT = dirname(dirname(WEB));
export const SAMPLES = join(ROOT, "models/commands/samples");
export const PACKAGE =
  process.env.VOXPORT_PACKAGE ?? join(ROOT, "runtime/voxport/packages/commands");
export const TOLERANCE = 1e-3; // of emissions: other kernels round otherwise

/** Read the float32 values of a numpy file of version 1. */
export async function readNpy(path) {
  const bytes = await readFile(path);
  const start = 10 + bytes.readUInt16LE(8);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
}

/** Return the tokens and times of a golden clip. */
export function promisedTokens(clip, model) {
  const seconds = (frame) => Math.min((frame * model.frameStride) / model.sampleRate, clip.seconds);
  return clip.tokens.map((token, i) => ({
    text: model.labels[token] === model.wordDelimiter ? " " : model.labels[token],
    start: seconds(clip.tokenStarts[i]),
    end: seconds(clip.tokenEnds[i]),
  }));
}

export function withoutScores(tokens) {
  return tokens.map(({ text, start, end }) => ({ text, start, end }));
}

export function largestDifference(a, b) {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

const temporary = [];
process.on("exit", () => {
  for (const folder of temporary) rmSync(folder, { recursive: true, force: true });
});

/** Make a folder that is deleted with the end of the tests. */
export function temporaryFolder() {
  temporary.push(mkdtempSync(join(tmpdir(), "voxport-")));
  return temporary.at(-1);
}

/** Copy the package with one file changed by `change`, or removed where that returns null. */
export async function spoiled(file, change) {
  const folder = join(temporaryFolder(), "package");
  await cp(PACKAGE, folder, { recursive: true, filter: (path) => path !== join(PACKAGE, file) });
  const content = change(await readFile(join(PACKAGE, file)));
  if (content !== null) await writeFile(join(folder, file), content);
  return folder;
}

/** Change one bit in the middle. */
export function flipped(content) {
  const copy = Buffer.from(content);
  copy[copy.length >> 1] ^= 1;
  return copy;
}

/** Make a wav file. */
export function wav({ code = 1, bits = 16, rate = 16000, channels = 1, data }) {
  const header = Buffer.alloc(44);
  header.write("RIFF", 0);
  header.writeUInt32LE(36 + data.length, 4);
  header.write("WAVEfmt ", 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(code, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE((rate * channels * bits) / 8, 28);
  header.writeUInt16LE((channels * bits) / 8, 32);
  header.writeUInt16LE(bits, 34);
  header.write("data", 36);
  header.writeUInt32LE(data.length, 40);
  return Buffer.concat([header, data]);
}
