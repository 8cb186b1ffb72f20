/**
 * Runs voxport in Node over paths from the standard input, one a line, and prints a line of JSON for
 * each: `node host.mjs DIST KIND PACKAGE RECORDING`, KIND being "recordings" or "packages".
 */

import { createInterface } from "node:readline";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [dist, kind, packageFolder, recording] = process.argv.slice(2);
const voxport = await import(pathToFileURL(join(dist, "node/index.js")).href);
const { VoxportError, load, readAudio } = voxport;

const recognizer = kind === "recordings" ? await load(packageFolder) : null;
const clip = kind === "packages" ? await readAudio(recording) : null;

async function transcribe(path) {
  if (recognizer !== null) return recognizer.transcribe(await readAudio(path));
  const opened = await load(path, { precision: "fp32" });
  try {
    return (await opened.recognize(clip)).transcript;
  } finally {
    await opened.release();
  }
}

for await (const path of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { text, duration } = await transcribe(path);
    answer = { file: path, text, duration };
  } catch (error) {
    const unexpected = !(error instanceof VoxportError);
    answer = { file: path, error: error.message, ...(unexpected && { unexpected: error.stack }) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
