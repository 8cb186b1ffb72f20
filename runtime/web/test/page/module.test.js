/** The module in Chromium: golden clips of the package, on onnxruntime-web's WASM. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { launch, open, serve, skip } from "../chromium.js";
import { PACKAGE, ROOT, TOLERANCE, largestDifference, promisedTokens, readNpy, withoutScores } from "../support.js";

const WEB = "/runtime/web";
const ORT = `${WEB}/node_modules/onnxruntime-web/dist/ort.wasm.bundle.min.mjs`;
const HTML = `<!doctype html><script type="importmap">
{"imports": {"voxport": "${WEB}/dist/lib/browser/index.js", "onnxruntime-web/wasm": "${ORT}"}}
</script>`;

let server, browser, page;
before(async () => {
  if (skip) return;
  const files = { "/index.html": HTML, "/package/manifest.json": readFileSync(join(PACKAGE, "manifest.json")) };
  for (const name of packageFiles()) files[`/package/${name}`] = readFileSync(join(PACKAGE, name));
  server = await serve(ROOT, files);
  browser = await launch();
  ({ page } = await open(browser, server.url));
});
after(async () => {
  await browser?.close();
  await server?.close();
});

function packageFiles() {
  const { artifacts, golden } = JSON.parse(readFileSync(join(PACKAGE, "manifest.json"), "utf-8"));
  return [...artifacts, ...golden].map((entry) => entry.path);
}

/** In the page: answer each golden clip, read as a dropped recording. */
async function answers() {
  const { load, readAudio } = await import("voxport");
  const recognizer = await load("/package", { precision: "fp32" });
  const { model, manifest } = recognizer;
  const found = [];
  for (const clip of manifest.golden) {
    const bytes = await (await fetch(`/package/${clip.path}`)).blob();
    const audio = await readAudio(bytes, clip.path, model.sampleRate);
    const { transcript, emission } = await recognizer.recognize(audio);
    found.push({ clip, transcript, values: Array.from(emission.values) });
  }
  return { model, found };
}

test("golden clips give their transcripts, tokens, times and emissions", { skip }, async (t) => {
  const { model, found } = await page.evaluate(answers);
  assert.ok(found.length > 0);
  let largest = 0;
  for (const { clip, transcript, values } of found) {
    assert.equal(transcript.text, clip.transcript);
    assert.deepEqual(withoutScores(transcript.tokens), promisedTokens(clip, model));
    const expected = await readNpy(join(PACKAGE, clip.emission.path));
    assert.equal(values.length, expected.length);
    largest = Math.max(largest, largestDifference(values, expected));
  }
  t.diagnostic(`${found.length} clips in ${browser.version()}, emissions within ${largest}`);
  assert.ok(largest <= TOLERANCE, `emissions differ by ${largest}`);
});

test("a missing or changed package is refused", { skip }, async () => {
  const refusals = await page.evaluate(async () => {
    const { ChosenFiles, load } = await import("voxport");
    const told = (promise) => promise.then(() => "nothing", (error) => `${error.name}: ${error.message}`);
    const manifest = await (await fetch("/package/manifest.json")).text();
    const chosen = (...files) => load(new ChosenFiles("chosen", files));
    return [
      await told(load("/nowhere")),
      await told(chosen()),
      await told(chosen(new File([manifest], "manifest.json"))),
      await told(chosen(new File([manifest], "manifest.json"), new File(["x"], "model.onnx"))),
      await told(chosen(new File([manifest.replace("16000", "8000")], "manifest.json"))),
    ];
  });
  const expected = [
    /^PackageNotFoundError: \/nowhere: not a voxport package/,
    /^PackageNotFoundError: chosen: not a voxport package/,
    /^PackageNotFoundError: chosen\/model\.onnx: .*it is missing/,
    /^IntegrityError: chosen\/model\.onnx: .*expected \d+ bytes, found 1 bytes/,
    /^ManifestError: chosen\/manifest\.json: changed since it was written/,
  ];
  refusals.forEach((refusal, i) => assert.match(refusal, expected[i]));
});

test("no prefix of a recording is read", { skip }, async () => {
  const taken = await page.evaluate(async () => {
    const { readAudio } = await import("voxport");
    const found = [];
    for (const name of ["seven.wav", "stop.flac", "go-up.ogg"]) {
      const whole = await (await fetch(`/models/commands/samples/${name}`)).blob();
      await readAudio(whole, name, 16000);
      for (let share = 0; share < 1; share += 1 / 16) {
        const size = Math.floor(share * whole.size);
        const refused = await readAudio(whole.slice(0, size), name, 16000).then(
          () => false,
          (error) => error.constructor.name === "AudioError",
        );
        if (!refused) found.push(`${name}: ${size} of ${whole.size} bytes`);
      }
    }
    return found;
  });
  assert.deepEqual(taken, []);
});

test("whole recordings with wrong headers are read, incomplete ones are refused", { skip }, async () => {
  const read = await page.evaluate(async () => {
    const { readAudio } = await import("voxport");
    const fetched = async (name) =>
      new Uint8Array(await (await fetch(`/models/commands/samples/${name}`)).arrayBuffer());
    const flac = await fetched("one-two-three.flac");
    const ogg = await fetched("go-up.ogg");
    const changed = (bytes, change) => {
      const copy = bytes.slice();
      change(copy);
      return copy;
    };
    /** Return the FLAC with another count of samples in its header, and no MD5. */
    const counted = (total) =>
      changed(flac, (bytes) => {
        bytes[21] &= 0xf0;
        new DataView(bytes.buffer).setUint32(22, total);
        bytes.fill(0, 26, 42);
      });
    const joined = (bytes) => new Blob([bytes, bytes]);
    const recordings = {
      whole: flac,
      unknown: counted(0),
      "too few": counted(20_000),
      "too many": counted(80_000), // its last frame is shorter than the others
      tagged: new Blob([flac, "TAG", new Uint8Array(125)]),
      "whole ogg": ogg,
      joined: joined(flac),
      "joined unknown": joined(counted(0)),
      "cut unknown": counted(0).slice(0, 20_000),
      damaged: changed(counted(0), (bytes) => (bytes[20_000] ^= 1)),
      "damaged ogg": changed(ogg, (bytes) => (bytes[bytes.length >> 1] ^= 1)),
      "joined ogg": joined(ogg),
    };
    const found = {};
    for (const [name, content] of Object.entries(recordings)) {
      found[name] = await readAudio(new Blob([content]), name, 16000).then(
        ({ waveform }) => (waveform.length / 16000).toFixed(1),
        (error) => error.message,
      );
    }
    return found;
  });
  for (const name of ["whole", "unknown", "too few", "too many", "tagged"]) assert.equal(read[name], "2.5", name);
  assert.match(read["whole ogg"], /^\d/);
  const refused = Object.entries(read).filter(([, told]) => !/^\d/.test(told));
  assert.deepEqual(
    refused.map(([name]) => name),
    ["joined", "joined unknown", "cut unknown", "damaged", "damaged ogg", "joined ogg"],
  );
  for (const [name, told] of refused) {
    assert.match(told, /truncated|damaged|one behind another/, name);
  }
});
