/** The golden clips of the package, in Node. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { load, readAudio, rounded } from "voxport";

import {
  PACKAGE,
  TOLERANCE,
  largestDifference,
  promisedTokens,
  readNpy,
  withoutScores,
} from "../support.js";

let recognizer;
before(async () => {
  recognizer = await load(PACKAGE, { precision: "fp32" });
});
after(() => recognizer.release());

test("golden clips give their transcripts, tokens, times and emissions", async (t) => {
  const { golden } = recognizer.manifest;
  assert.ok(golden.length > 0);
  let largest = 0;
  for (const clip of golden) {
    const audio = await readAudio(join(PACKAGE, clip.path));
    const { transcript, emission } = await recognizer.recognize(audio);
    assert.equal(transcript.text, clip.transcript);
    assert.deepEqual(withoutScores(transcript.tokens), promisedTokens(clip, recognizer.model));
    assert.equal(emission.frames, clip.frames);
    const expected = await readNpy(join(PACKAGE, clip.emission.path));
    assert.equal(emission.values.length, expected.length);
    largest = Math.max(largest, largestDifference(emission.values, expected));
  }
  t.diagnostic(`${golden.length} clips, emissions within ${largest}`);
  assert.ok(largest <= TOLERANCE, `emissions differ by ${largest}`);
});

test("words are the runs between delimiters, scores are probabilities", async () => {
  const clip = recognizer.manifest.golden.find((item) => item.transcript.trim().includes(" "));
  const audio = await readAudio(join(PACKAGE, clip.path));
  const transcript = await recognizer.transcribe(audio);
  assert.deepEqual(
    transcript.words.map((word) => word.text),
    clip.transcript.trim().split(/ +/),
  );
  for (const part of [...transcript.words, ...transcript.tokens]) {
    assert.ok(part.start < part.end && part.end <= transcript.duration);
    assert.ok(part.score > 0 && part.score <= 1);
  }
  const emission = await recognizer.emission(audio);
  assert.equal(emission.values.length, emission.frames * emission.labels);
});

test("printed numbers are rounded to four decimals, half up", () => {
  assert.deepEqual([0.12344, 0.12345001, 0.99996, 1.00005].map(rounded), [0.1234, 0.1235, 1, 1.0001]);
});

test("a recording shorter than one frame is empty text", async () => {
  const sampleRate = recognizer.model.sampleRate;
  const transcript = await recognizer.transcribe({ waveform: new Float32Array(100), sampleRate });
  assert.deepEqual([transcript.text, transcript.tokens, transcript.words], ["", [], []]);
});
