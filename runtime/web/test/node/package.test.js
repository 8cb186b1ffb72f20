/** Packages that must be refused, and how. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import {
  ArtifactUnavailableError,
  InferenceError,
  IntegrityError,
  LaterVersionError,
  ManifestError,
  PackageNotFoundError,
  chooseArtifact,
  load,
  parseManifest,
} from "voxport";

import { PACKAGE, flipped, spoiled } from "../support.js";

const replaced = (from, to) => (content) => Buffer.from(content.toString().replace(from, to));

const BAD = [
  ["model.onnx", flipped, IntegrityError, /model\.onnx: .*expected sha256 .*, found /],
  ["model.onnx", (x) => x.subarray(0, -1), IntegrityError, /model\.onnx: .* bytes, found /],
  ["model.onnx", () => null, PackageNotFoundError, /model\.onnx: .*it is missing/],
  ["manifest.json", () => null, PackageNotFoundError, /not a voxport package/],
  ["manifest.json", replaced("16000", "8000"), ManifestError, /changed since it was written/],
  ["manifest.json", replaced(/"version": \d+/, '"version": 99'), LaterVersionError, /later voxport/],
  ["manifest.json", replaced('"voxport"', '"vox"'), ManifestError, /not a voxport manifest/],
  ["manifest.json", replaced('"model.onnx"', '"../x"'), ManifestError, /plain file name.*\.\.\/x/],
  ["manifest.json", replaced('"blank": 0', '"blank": -1'), ManifestError, /model\.blank must be/],
  ["manifest.json", (x) => x.subarray(0, 99), ManifestError, /manifest\.json: not JSON/],
  ["manifest.json", () => Buffer.alloc(0), ManifestError, /not JSON/],
  ["manifest.json", () => Buffer.from("["), ManifestError, /not JSON/],
  ["manifest.json", () => Buffer.from("[]"), ManifestError, /the document must be an object/],
  ["manifest.json", () => Buffer.from("{}"), ManifestError, /the field 'format' is missing/],
  ["manifest.json", () => Buffer.from([0xff, 0xfe]), ManifestError, /not JSON/],
];

for (const [file, change, kind, message] of BAD) {
  test(`${file}: ${message.source}`, async () => {
    const folder = await spoiled(file, change);
    await assert.rejects(load(folder, { precision: "fp32" }), (error) => {
      assert.equal(error.constructor, kind, error.stack);
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(folder));
      return true;
    });
  });
}

test("no folder", async () => {
  await assert.rejects(load("no/such/folder"), PackageNotFoundError);
});

/** The manifest with a change, signed again. */
async function resigned(change) {
  const document = JSON.parse(await readFile(join(PACKAGE, "manifest.json"), "utf-8"));
  change(document);
  const text = JSON.stringify({ ...document, sha256: "0".repeat(64) });
  const hash = createHash("sha256").update(text).digest("hex");
  return text.replace("0".repeat(64), hash);
}

test("a file whose hash is right and which is no graph", async () => {
  const content = Buffer.from("not a graph");
  const folder = await spoiled("model.onnx", () => content);
  const manifest = await resigned(({ artifacts }) => {
    const artifact = artifacts.find((item) => item.path === "model.onnx");
    artifact.bytes = content.length;
    artifact.sha256 = createHash("sha256").update(content).digest("hex");
  });
  await writeFile(join(folder, "manifest.json"), manifest);
  await assert.rejects(load(folder, { precision: "fp32" }), (error) => {
    assert.ok(error instanceof InferenceError);
    assert.match(error.message, /model\.onnx: onnxruntime cannot load it/);
    return true;
  });
});

test("the artifact that is meant", async () => {
  const raw = await resigned((document) => {
    const [artifact] = document.artifacts;
    document.artifacts = ["torchscript fp32", "onnx int8", "onnx fp32"].map((name) => {
      const [kind, precision] = name.split(" ");
      return { ...artifact, path: name, kind, precision };
    });
  });
  const manifest = await parseManifest(new TextEncoder().encode(raw));
  const chosen = (choice) => chooseArtifact(manifest, choice, "p").path;
  assert.equal(chosen({}), "onnx fp32");
  assert.equal(chosen({ prefer: "int8" }), "onnx int8");
  assert.equal(chosen({ prefer: "fp16" }), "onnx int8");
  assert.equal(chosen({ precision: "int8" }), "onnx int8");
  assert.throws(() => chosen({ precision: "fp16" }), ArtifactUnavailableError);
  const headless = { ...manifest, model: { ...manifest.model, labels: [] } };
  assert.throws(() => chooseArtifact(headless, {}, "p"), /no CTC head/);
});
