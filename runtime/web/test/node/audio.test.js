/** Wav files, good and bad. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
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
  test(`samples of ${kind} are read`, () => {
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

for (const length of [0x7ffff000, 0x7fffffff, 0x80000000, 0xffffffff]) {
  test(`a writer to a pipe leaves the length ${length.toString(16)}`, () => {
    const bytes = wav({ data: Buffer.alloc(200) });
    bytes.writeUInt32LE(length, 4);
    bytes.writeUInt32LE(length, 40);
    assert.equal(readWav(bytes, "x.wav").waveform.length, 100);
  });
}

/** A second of samples in a wav file whose header tells `add` bytes too many. */
function second({ add = 0, riff = null, behind = nothing }) {
  const data = Buffer.from(Int16Array.from({ length: 16000 }, (_, i) => (i % 100) * 99 + 1).buffer);
  const bytes = Buffer.concat([wav({ data }), behind]);
  bytes.writeUInt32LE(data.length + add, 40);
  if (riff !== null) bytes.writeUInt32LE(riff, 4);
  return bytes;
}

const nothing = Buffer.alloc(0);
const list = Buffer.concat([Buffer.from("LIST\x64\0\0\0", "latin1"), Buffer.alloc(100)]);
const WHOLE = {
  ...Object.fromEntries([1, 2, 8, 16, 28, 36, 44].map((add) => [`${add} bytes too many`, { add }])),
  "a small RIFF size": { riff: 99 },
  "a large RIFF size": { riff: 1e8 },
  "padding behind the samples": { behind: Buffer.alloc(4096) },
  "a tag behind the samples": { behind: list },
  "an ID3 tag behind the samples": { behind: Buffer.from("ID3".padEnd(5000, "x")) },
};
for (const [name, options] of Object.entries(WHOLE)) {
  test(`a whole recording with ${name} is read`, () => {
    assert.equal(readWav(second(options), "x.wav").waveform.length, 16000);
  });
}

const INCOMPLETE = {
  "640 samples are missing": { add: 1280 },
  "a promise of 2 GB that no pipe makes": { add: 0x7fff0000 - 32000 },
  "a promise of more than 2 GB": { add: 0x90000000 - 32000 },
  "half of the samples are not counted": { add: -16000 },
  "another recording behind it": { behind: wav({ data: Buffer.alloc(9000, 1) }) },
  "a second data chunk": { behind: Buffer.from("data\x10\x27\0\0".padEnd(10008, "x"), "latin1") },
};
for (const [name, options] of Object.entries(INCOMPLETE)) {
  test(`a recording is refused where there is ${name}`, () => {
    assert.throws(() => readWav(second(options), "x.wav"), /truncated|may be samples too/);
  });
}

const floats = new Float32Array(99).fill(1e11);
const stopped = wav({ data: Buffer.alloc(9000) });
stopped.writeUInt32LE(0, 40);
const BAD = {
  "empty.wav": [nothing, "the file is empty (0 bytes)"],
  "text.wav": [Buffer.from("not audio\n".repeat(99)), "not a wav file"],
  "cut.wav": [wav({ data: Buffer.alloc(9000) }).subarray(0, 5000), "truncated"],
  "header.wav": [Buffer.from("RIFF\0\0\0\0WAVE", "latin1"), "damaged: it has no format"],
  "none.wav": [wav({ data: nothing }), "holds no audio"],
  "stopped.wav": [stopped, "was the recorder stopped before it wrote the length?"],
  "law.wav": [wav({ code: 7, bits: 8, data: Buffer.alloc(9) }), "of a kind that is not read"],
  "many.wav": [wav({ channels: 65, data: Buffer.alloc(130) }), "of a kind that is not read"],
  "loud.wav": [wav({ code: 3, bits: 32, data: Buffer.from(floats.buffer) }), "full scale is 1"],
  "nan.wav": [wav({ code: 3, bits: 32, data: Buffer.alloc(80, 255) }), "not numbers"],
};

test("a bad recording is refused with its name and the reason", async () => {
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
  await assert.rejects(readAudio(join(folder, "folder.wav")), /is a folder; give the audio files in it/);
  await assert.rejects(readAudio("https://example.org/x.wav"), /is an address/);
  execFileSync("mkfifo", [join(folder, "pipe.wav")]);
  await assert.rejects(readAudio(join(folder, "pipe.wav")), /is not a regular file/);
});

test("no prefix of a recording is read", async () => {
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

test("a recording of another rate is resampled", async () => {
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

for (const [level, isWarned] of [[3e-5, true], [4e-5, false], [0, false]]) {
  test(`a recording with a peak of ${level} is${isWarned ? "" : " not"} warned of as silence`, (t) => {
    const warn = t.mock.method(console, "warn", () => undefined);
    const data = Buffer.from(new Float32Array([0, level, -level]).buffer);
    readWav(wav({ code: 3, bits: 32, data }), "x.wav");
    const said = warn.mock.calls.map((call) => call.arguments[0]);
    const expected = ["x.wav: the whole recording is below -90 dB, silence to a model"];
    assert.deepEqual(said, isWarned ? expected : []);
  });
}
