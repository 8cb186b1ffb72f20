/** Packages that must be refused, with the kind of the error and its message. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdir, rm, symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import {
  ArtifactUnavailableError,
  InferenceError,
  IntegrityError,
  LaterVersionError,
  ManifestError,
  PackageError,
  PackageNotFoundError,
  chooseArtifact,
  load,
  parseManifest,
} from "voxport";

import {
  FLOAT,
  constantModel,
  externalTensor,
  field,
  floats,
  integers,
  message,
  node,
  packageOf,
  resigned,
  tensor,
  validOutputs,
} from "../strange.js";
import { PACKAGE, WEB, flipped, spoiled, temporaryFolder } from "../support.js";

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
  test(`a changed ${file} is refused: ${message.source}`, async () => {
    const folder = await spoiled(file, change);
    await assert.rejects(load(folder, { precision: "fp32" }), (error) => {
      assert.equal(error.constructor, kind, error.stack);
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(folder));
      return true;
    });
  });
}

test("a folder that is not there is no package", async () => {
  await assert.rejects(load("no/such/folder"), PackageNotFoundError);
});

test("an artifact that is not a graph is refused", async () => {
  const folder = await packageOf(Buffer.from("not a graph"));
  await assert.rejects(load(folder), /model\.onnx: is not an ONNX model: its bytes do not parse/);
});

for (const [name, value, range] of [
  ["sample_rate", 1, "1000 to 1000000"],
  ["sample_rate", 2 ** 31, "1000 to 1000000"],
  ["frame_stride", 0, "1 to 1048576"],
  ["frame_stride", 2 ** 40, "1 to 1048576"],
  ["receptive_field", 2 ** 31, "1 to 1048576"],
]) {
  test(`${name} ${value} is out of bounds`, async () => {
    const text = await resigned(({ model }) => (model[name] = value));
    const parsed = parseManifest(new TextEncoder().encode(text));
    await assert.rejects(parsed, new RegExp(`model\\.${name} must be a whole number from ${range}`));
  });
}

for (const file of ["manifest.json", "model.onnx"]) {
  test(`a pipe or a device in the place of ${file} is not opened`, async () => {
    const folder = await spoiled(file, () => null);
    execFileSync("mkfifo", [join(folder, file)]);
    await assert.rejects(load(folder, { precision: "fp32" }), /: is not a regular file/);
    await rm(join(folder, file));
    await symlink("/dev/zero", join(folder, file));
    await assert.rejects(load(folder, { precision: "fp32" }), /: is not a regular file/);
  });
}

test("a huge manifest is not read", async () => {
  const folder = await spoiled("manifest.json", (content) => content);
  await truncate(join(folder, "manifest.json"), 2 ** 30);
  await assert.rejects(load(folder), /has 1073741824 bytes, and at most 4000000 are read/);
});

// Graphs that ask for more than the exporter writes.

const HEARD = { waveform: new Float32Array(16000), sampleRate: 16000 };

/** Load a package whose graph is `content`, and run it. */
async function run(content, weights = {}) {
  const recognizer = await load(await packageOf(content, weights));
  try {
    return await recognizer.recognize(HEARD);
  } finally {
    await recognizer.release();
  }
}

test("a graph of constants is run; the next tests change one thing of it", async () => {
  const { transcript, emission } = await run(constantModel(validOutputs(29)));
  assert.equal(transcript.text, "ET");
  assert.equal(emission.frames, 4);
});

const strange = node("Inverse", ["waveform"], ["x"], field(7, "com.microsoft"));
const branch = field(5, message(field(1, "then_branch"), field(6, field(1, strange)), field(20, 5)));
const subgraph = node("If", ["c"], ["o"], branch);
const weights = (location) => ({ more: [field(5, externalTensor("w", [1], location))] });
const GRAPHS = {
  "an operator of another domain": [{ more: [field(1, strange)] }, /'com\.microsoft' \(Inverse\)/],
  "an operator in a subgraph": [{ more: [field(1, subgraph)] }, /'com\.microsoft' \(Inverse\)/],
  "another operator set": [{ fields: [field(8, field(1, "ai.onnx.ml"))] }, /'ai\.onnx\.ml'/],
  "an unknown operator": [{ more: [field(1, node("Celu", ["waveform"], ["x"]))] }, /'Celu', which/],
  "sparse weights": [{ more: [field(15, field(3, 1))] }, /holds sparse weights/],
  "a function": [{ fields: [field(25, field(1, "f"))] }, /holds functions or training parts/],
  "a file beside it": [weights("model.int8.onnx"), /'model\.int8\.onnx', which the manifest does not/],
  "a file of the parent": [weights("../x"), /'\.\.\/x', which the manifest does not list/],
  "any file": [weights("/etc/passwd"), /'\/etc\/passwd', which the manifest does not list/],
  memory: [weights("*/_ORT_MEM_ADDR_/*"), /which the manifest does not list/],
};
for (const [name, [more, reason]] of Object.entries(GRAPHS)) {
  test(`a graph that asks for ${name} is refused`, async () => {
    await assert.rejects(run(constantModel(validOutputs(29), more)), (error) => {
      assert.ok(error instanceof PackageError, error.stack);
      assert.match(error.message, reason);
      assert.match(error.message, /package\/model\.onnx: /);
      return true;
    });
  });
}

const BEYOND = 2 ** 29; // added to a field's number: parsers of 32 bits see the number alone
const entryOf = (...fields) => field(5, message(externalTensor("w", [2], "weights"), field(13, message(...fields))));
const HIDDEN = {
  "a field beyond 32 bits": [field(7 + BEYOND, field(1, strange)), /do not parse/],
  "a key twice": [
    field(7, entryOf(field(1, "x"), field(1, "location"), field(2, "hidden"))),
    /'hidden', which/,
  ],
  "a key and a number": [
    field(7, entryOf(field(1, "location"), field(1, 0), field(2, "hidden"))),
    /'hidden', which/,
  ],
  "a value and a number": [
    field(7, entryOf(field(1, "location"), field(2, "hidden"), field(2, 0))),
    /'hidden', which/,
  ],
  "a mark in front of a value": [
    field(7, entryOf(field(1, "location"), field(2, "\ufeffweights"))),
    /which the manifest does not list/,
  ],
  "a domain that is no text": [
    field(7, field(1, message(field(4, "Add"), field(7, Buffer.from([0xff]))))),
    /no text/,
  ],
};
for (const [name, [more, reason]] of Object.entries(HIDDEN)) {
  test(`what only other parsers would see is refused: ${name}`, async () => {
    const content = Buffer.concat([constantModel(validOutputs(29)), more]);
    await assert.rejects(run(content, { weights: Buffer.alloc(8) }), (error) => {
      assert.ok(error instanceof PackageError, error.stack);
      assert.match(error.message, reason);
      return true;
    });
  });
}

test("onnxruntime's own format is refused", async () => {
  const content = Buffer.concat([Buffer.from("\x10\0\0\0ORTM", "latin1"), Buffer.alloc(99)]);
  await assert.rejects(run(content), /ONNX Runtime's own format/);
});

test("weights beside the graph come from the bytes that were hashed", async () => {
  const outputs = { ...validOutputs(29), token_scores: null };
  const more = [field(5, externalTensor("token_scores", [1, 2], "weights.data"))];
  const data = Buffer.from(floats(0.25, 0.75).buffer);
  const { transcript } = await run(constantModel(outputs, { more }), { "weights.data": data });
  assert.deepEqual(transcript.tokens.map(({ score }) => score), [0.25, 0.75]);
});

// Answers that break the contract.

const ANSWERS = {
  "a label that there is not": { tokens: tensor([1, 2], integers(2, 29)) },
  "a negative label": { tokens: tensor([1, 2], integers(2, -1)) },
  "more tokens than there are": { token_lengths: tensor([1], integers(3)) },
  "a negative count": { token_lengths: tensor([1], integers(-1)) },
  "more frames than there are": { emission_lengths: tensor([1], integers(5)) },
  "a token behind the end": { token_ends: tensor([1, 2], integers(1, 5)) },
  "tokens out of order": { token_starts: tensor([1, 2], integers(2, 0)) },
  "a score above 1": { token_scores: tensor([1, 2], floats(0.5, 2)) },
  "a score that is no number": { token_scores: tensor([1, 2], floats(NaN, 1)) },
  "logits that are no numbers": { emission: tensor([1, 4, 29], new Float32Array(116).fill(NaN)) },
  "a logit too few": { emission: tensor([1, 4, 28], new Float32Array(112)) },
  "two rows": { tokens: tensor([2, 2], integers(2, 3, 2, 3)) },
  "no row": { emission_lengths: tensor([0], integers()) },
  "another rank": { token_scores: tensor([2], floats(0.5, 1)) },
  "another text": { transcript: tensor([1], ["OTHER"]) },
  "a row of starts that is too short": { token_starts: tensor([1, 1], integers(0)) },
};
for (const [name, change] of Object.entries(ANSWERS)) {
  test(`an answer with ${name} is not believed`, async () => {
    const content = constantModel({ ...validOutputs(29), ...change });
    await assert.rejects(run(content), (error) => {
      assert.ok(error instanceof InferenceError, error.stack);
      assert.match(error.message, /the graph's answer breaks its contract: /);
      return true;
    });
  });
}

test("more frames than the recording has are not believed", async () => {
  const manifest = await resigned((document) => (document.model.frame_stride = 2 ** 20));
  const recognizer = await load(await spoiled("manifest.json", () => manifest));
  await assert.rejects(recognizer.transcribe(HEARD), /and the recording has at most 1;/);
  await recognizer.release();
});

test("an answer of another type is not believed", async () => {
  const outputs = { ...validOutputs(29), tokens: tensor([1, 2], floats(2, 3)) };
  const content = constantModel(outputs, { types: { tokens: FLOAT } });
  await assert.rejects(run(content), /the output 'tokens' has another type or shape/);
});

test("nothing is written into the home folder", async () => {
  const home = temporaryFolder();
  const script = `import { load } from ${JSON.stringify(join(WEB, "dist/lib/node/index.js"))};
    const recognizer = await load(${JSON.stringify(PACKAGE)});
    await recognizer.transcribe({ waveform: new Float32Array(16000), sampleRate: 16000 });`;
  const env = { ...process.env, HOME: home, XDG_CACHE_HOME: join(home, "cache") };
  delete env.ORT_DISABLE_TELEMETRY;
  execFileSync(process.execPath, ["--input-type=module", "-"], { input: script, env });
  assert.deepEqual(await readdir(home), []); // telemetry leaves a device id and a database
});

test("an artifact is chosen by precision, fp32 first", async () => {
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
