/** Packages of strangers: a manifest signed again, a graph of constants made from protobuf by hand. */

import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { PACKAGE, spoiled } from "./support.js";

const UNSIGNED = "0".repeat(64);
export const hashOf = (content) => createHash("sha256").update(content).digest("hex");

/** Return the manifest with a change, signed again. */
export async function resigned(change) {
  const document = JSON.parse(await readFile(join(PACKAGE, "manifest.json"), "utf-8"));
  change(document);
  const text = JSON.stringify({ ...document, sha256: UNSIGNED });
  return text.replace(UNSIGNED, hashOf(text));
}

/** Write a package whose only artifact is `content`, with these weights listed beside it. */
export async function packageOf(content, weights = {}) {
  const folder = await spoiled("model.onnx", () => content);
  const entry = (path, bytes) => ({ path, bytes: bytes.length, sha256: hashOf(bytes) });
  for (const [path, bytes] of Object.entries(weights)) await writeFile(join(folder, path), bytes);
  const manifest = await resigned((document) => {
    const artifact = document.artifacts.find((item) => item.path === "model.onnx");
    Object.assign(artifact, entry("model.onnx", content));
    artifact.external_data = Object.entries(weights).map(([path, bytes]) => entry(path, bytes));
    document.artifacts = [artifact];
  });
  await writeFile(join(folder, "manifest.json"), manifest);
  return folder;
}

// Protobuf: fields of messages, and the messages of onnx.proto that are needed.

function varint(value) {
  const bytes = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}

/** A field: a number, or a string or message. */
export function field(number, value) {
  if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
  const content = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

export const message = (...fields) => Buffer.concat(fields);
export const node = (operator, inputs, outputs, ...more) =>
  message(
    ...inputs.map((name) => field(1, name)),
    ...outputs.map((name) => field(2, name)),
    field(4, operator),
    ...more,
  );

const FLOAT = 1;
const INT64 = 7;
const STRING = 8;

/** A tensor of shape `dims`; its type is that of `data`: Float32Array, BigInt64Array or strings. */
export function tensor(dims, data, name = "t") {
  const shape = dims.map((size) => field(1, size));
  if (Array.isArray(data)) {
    return message(...shape, field(2, STRING), ...data.map((text) => field(6, text)), field(8, name));
  }
  const type = data instanceof Float32Array ? FLOAT : INT64;
  return message(...shape, field(2, type), field(8, name), field(9, new Uint8Array(data.buffer)));
}

/** A tensor whose values lie in the file at `location`. */
export function externalTensor(name, dims, location) {
  const entry = message(field(1, "location"), field(2, location));
  const shape = dims.map((size) => field(1, size));
  return message(...shape, field(2, FLOAT), field(8, name), field(13, entry), field(14, 1));
}

const floats = (...values) => Float32Array.of(...values);
const integers = (...values) => BigInt64Array.from(values.map(BigInt));

/** An answer that keeps the contract: the labels 2 and 3, "ET", on four frames. */
export function validOutputs(labels) {
  return {
    emission: tensor([1, 4, labels], new Float32Array(4 * labels)),
    emission_lengths: tensor([1], integers(4)),
    tokens: tensor([1, 2], integers(2, 3)),
    token_lengths: tensor([1], integers(2)),
    token_starts: tensor([1, 2], integers(0, 2)),
    token_ends: tensor([1, 2], integers(1, 4)),
    token_scores: tensor([1, 2], floats(0.5, 1)),
    transcript: tensor([1], ["ET"]),
  };
}

const TYPES = { transcript: STRING, emission: FLOAT, token_scores: FLOAT };

/** A model that gives these outputs whatever it hears; `more` are further fields of its graph. */
export function constantModel(outputs, { more = [], fields = [], types = {} } = {}) {
  const info = (name, type) => message(field(1, name), field(2, field(1, field(1, type))));
  const value = (content) => field(5, message(field(1, "value"), field(5, content), field(20, 4)));
  const typeOf = (name) => types[name] ?? TYPES[name] ?? INT64;
  const graph = message(
    ...Object.entries(outputs)
      .filter(([, content]) => content !== null)
      .map(([name, content]) => field(1, node("Constant", [], [name], value(content)))),
    field(2, "constant"),
    field(11, info("waveform", FLOAT)),
    field(11, info("lengths", INT64)),
    ...Object.keys(outputs).map((name) => field(12, info(name, typeOf(name)))),
    ...more,
  );
  return message(field(1, 9), field(7, graph), field(8, message(field(2, 20))), ...fields);
}

export { FLOAT, INT64, STRING, floats, integers };
