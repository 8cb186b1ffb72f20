/** Wav files, good and bad. */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { AudioError, isWav, load, readAudio, readWav } from "voxport";

import { PACKAGE, SAMPLES, temporaryFolder, wav } from "../support.js";

const SIGNAL = [0, 0.5, -0.5, 0.25, -1];

/** The signal in a wav file, each value written by `write`. */
function encoded(code, bits, write) {
  const data = Buffer.alloc((SIGNAL.length * bits) / 8);
  SIGNAL.forEach((value, i) => write(data, value, (i * bits) / 8));
  return wav({ code, bits, data });
}

const KINDS = {
  "8 bits": encoded(1, 8, (data, value, place) => data.writeUInt8(value * 128 + 128, place)),
  "16 bits": encoded(1, 16, (data, value, place) => data.writeInt16LE(value * 2 ** 15, place)),
  "24 bits": encoded(1, 24, (data, value, place) => data.writeIntLE(value * 2 ** 23, place, 3)),
  "32 bits": encoded(1, 32, (data, value, place) => data.writeInt32LE(value * 2 ** 31, place)),
  float: encoded(3, 32, (data, value, place) => data.writeFloatLE(value, place)),
  double: encoded(3, 64, (data, value, place) => data.writeDoubleLE(value, place)),
};

for (const [kind, bytes] of Object.entries(KINDS)) {
  test(`samples of ${kind}`, () => {
    const audio = readWav(bytes, "x.wav");
    assert.deepEqual([...audio.waveform], SIGNAL);
    assert.equal(audio.sampleRate, 16000);
  });
}

test("channels are mixed to their mean, other chunks are skipped", () => {
  const data = Buffer.from(new Int16Array([16384, 0, -16384, -16384]).buffer);
  const stereo = wav({ channels: 2, data });
  const list = Buffer.from("LIST\x03\0\0\0abc\0", "latin1"); // of odd length, and so padded
  const bytes = Buffer.concat([stereo.subarray(0, 36), list, stereo.subarray(36)]);
  bytes.writeUInt32LE(bytes.length - 8, 4);
  assert.deepEqual([...readWav(bytes, "x.wav").waveform], [0.25, -0.5]);
});

test("a length that its writer did not know", () => {
  const bytes = wav({ data: Buffer.alloc(200) });
  bytes.writeUInt32LE(0xffffffff, 4);
  bytes.writeUInt32LE(0xffffffff, 40);
  assert.equal(readWav(bytes, "x.wav").waveform.length, 100);
});

const nothing = Buffer.alloc(0);
const stopped = wav({ data: Buffer.alloc(9000) });
stopped.writeUInt32LE(0, 40);
const BAD = {
  "empty.wav": [nothing, "the file is empty (0 bytes)"],
  "text.wav": [Buffer.from("not audio\n".repeat(99)), "not a wav file"],
  "cut.wav": [wav({ data: Buffer.alloc(999) }).subarray(0, 500), "truncated"],
  "header.wav": [Buffer.from("RIFF\0\0\0\0WAVE", "latin1"), "damaged: it has no format"],
  "none.wav": [wav({ data: nothing }), "holds no audio"],
  "stopped.wav": [stopped, "was the recorder stopped before it wrote the length?"],
  "law.wav": [wav({ code: 7, bits: 8, data: Buffer.alloc(9) }), "of a kind that is not read"],
  "nan.wav": [wav({ code: 3, bits: 32, data: Buffer.alloc(80, 255) }), "not numbers"],
};

test("bad recordings are told by name and reason", async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "folder.wav"));
  for (const [name, [bytes, reason]] of Object.entries(BAD)) {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    await assert.rejects(readAudio(path), (error) => {
      assert.ok(error instanceof AudioError, `${name}: ${error}`);
      assert.equal(error.subject, path);
      assert.ok(error.message.startsWith(`${path}: `) && error.reason.includes(reason), error);
      return true;
    });
  }
  await assert.rejects(readAudio(join(folder, "missing.wav")), /there is no such file/);
  await assert.rejects(readAudio(join(folder, "folder.wav")), /cannot be read/);
});

test("a recording cut anywhere is refused", async () => {
  const whole = await readFile(join(SAMPLES, "seven.wav"));
  assert.ok(isWav(whole) && readWav(whole, "seven.wav").waveform.length > 0);
  for (let i = 0; i < 60; i++) {
    const cut = whole.subarray(0, Math.floor((i * whole.length) / 60));
    assert.throws(() => readWav(cut, "cut.wav"), AudioError);
  }
  for (let length = 0; length < 60; length++) {
    assert.throws(() => readWav(whole.subarray(0, length), "cut.wav"), AudioError);
  }
});

test("another rate than the model's", async () => {
  const recognizer = await load(PACKAGE);
  const audio = await readAudio(join(SAMPLES, "seven.wav"));
  assert.equal(audio.sampleRate, 8000);
  const transcript = await recognizer.transcribe(audio);
  assert.equal(transcript.text, "SEVEN");
  assert.equal(transcript.duration, audio.waveform.length / 8000);
  const odd = recognizer.transcribe({ ...audio, sampleRate: 7 });
  await assert.rejects(odd, /seven\.wav: the sample rate must be 1000 to 1000000, got 7/);
  await recognizer.release();
});
