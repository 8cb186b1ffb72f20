/**
 * `manifest.json`: a package's model, artifacts and golden clips.
 *
 * The format is published in runtime/voxport/manifest.schema.json. Checks the manifest's own hash;
 * opens no other file of the package, and skips fields of no use to a host.
 */

import { LaterVersionError, ManifestError, messageOf } from "./errors.js";
import type { FileEntry } from "./file-entry.js";
import { sha256 } from "./integrity.js";
import { Fields } from "./json-fields.js";

export const FILE_NAME = "manifest.json";
const FORMAT = "voxport";
const VERSION = 3; // the latest that this reader understands
const UNSIGNED = "0".repeat(64); // in place of the manifest's own hash while that is computed

export const MAX_MANIFEST_BYTES = 4_000_000; // labels and golden clips take far less

// Bounds of the numbers that sizes are computed from: a stranger's may be anything.
const MIN_RATE_HZ = 1_000;
const MAX_RATE_HZ = 1_000_000;
const MAX_SAMPLES = 1 << 20; // of a stride or a receptive field
const MAX_LEAST_SAMPLES = 1 << 24; // of a recording with an answer
const MAX_WIDTH = 1_000_000;

/** An executable form of the model. */
export interface Artifact extends FileEntry {
  readonly kind: "onnx" | "torchscript" | "exported-program";
  readonly precision: string; // "fp32", "int8", "fp16"
  readonly externalData: readonly FileEntry[]; // weights beside the graph
}

/** A recording in the package with the answer of eager torchaudio. */
export interface GoldenClip extends FileEntry {
  readonly seconds: number;
  readonly transcript: string;
  readonly tokens: readonly number[];
  readonly tokenStarts: readonly number[]; // frames
  readonly tokenEnds: readonly number[]; // frames, exclusive
  readonly frames: number;
  readonly emission: FileEntry; // numpy file, float32 [frames, labels]
}

/** The model of a package; every artifact computes it. */
export interface Model {
  readonly name: string;
  readonly source: string;
  readonly licence: string; // of the weights
  readonly labels: readonly string[]; // none where there is no CTC head
  readonly blank: number; // index into labels
  readonly wordDelimiter: string | null; // the label that becomes a space
  readonly sampleRate: number; // Hz
  readonly frameStride: number; // samples
  readonly receptiveField: number; // samples; a shorter waveform has no frames
  readonly emission: "logits" | "log_probs" | "none";
  readonly parameters: number;
  readonly task: Task;
  readonly vocabulary: string | null; // the speech that it understands, in words for people
}

const TASKS = ["transcription", "classification", "embedding", "frame-classification"] as const;
export type Task = (typeof TASKS)[number];

/** A recording in the package with the eager model's answer of a task other than transcription. */
export interface GoldenAnswer extends FileEntry {
  readonly seconds: number;
  readonly label: string | null;
  readonly values: FileEntry; // numpy file, float32: logits or an embedding
}

/** Facts of a model whose task is not transcription. */
export interface Head {
  readonly width: number; // labels, or numbers of an embedding
  readonly leastSamples: number; // a shorter waveform has no answer
  readonly golden: readonly GoldenAnswer[];
}

export interface Manifest {
  readonly model: Model;
  readonly artifacts: readonly Artifact[];
  readonly golden: readonly GoldenClip[];
  readonly head: Head | null; // null where the task is transcription
}

/** Parse the bytes of a `manifest.json`. Rejects with ManifestError, naming the field, where it is wrong. */
export async function parseManifest(raw: Uint8Array): Promise<Manifest> {
  if (raw.length > MAX_MANIFEST_BYTES) {
    throw new ManifestError(`has ${raw.length} bytes, and at most ${MAX_MANIFEST_BYTES} are read`);
  }
  let text: string;
  let fields: Fields;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw);
    fields = Fields.of(JSON.parse(text));
  } catch (error) {
    if (error instanceof ManifestError) throw error;
    throw new ManifestError(`not JSON: ${messageOf(error)}`, undefined, { cause: error });
  }
  checkVersion(fields);
  const manifest = {
    model: readModel(fields.child("model")),
    artifacts: fields.children("artifacts").map(readArtifact),
    golden: fields.children("golden").map(readGolden),
    head: fields.has("head") ? readHead(fields.child("head")) : null,
  };
  await checkIntegrity(text, fields.sha256("sha256"));
  checkConsistency(manifest.model);
  checkHead(manifest.model, manifest.head);
  return manifest;
}

function checkVersion(fields: Fields): void {
  const format = fields.value("format");
  if (format !== FORMAT) {
    throw new ManifestError(`not a voxport manifest: format is ${JSON.stringify(format)}`);
  }
  const version = fields.integer("version", 1);
  if (version > VERSION) {
    throw new LaterVersionError(
      `format version ${version} was written by a later voxport, this one reads up to ` +
        `${VERSION}; take a later version of it`,
    );
  }
}

/** `text` is valid UTF-8: encoded again, it gives the bytes that were read. */
async function checkIntegrity(text: string, recorded: string): Promise<void> {
  const found = await sha256(new TextEncoder().encode(text.replace(recorded, UNSIGNED)));
  if (found !== recorded) {
    throw new ManifestError(
      `changed since it was written: expected sha256 ${recorded}, found ${found}; ` +
        "copy the package again or export it again",
    );
  }
}

function checkConsistency(model: Model): void {
  if (model.labels.length > 0 && model.blank >= model.labels.length) {
    throw new ManifestError(`model.blank is ${model.blank} of ${model.labels.length} labels`);
  }
  if (model.wordDelimiter !== null && !model.labels.includes(model.wordDelimiter)) {
    throw new ManifestError(`model.word_delimiter '${model.wordDelimiter}' is not a label`);
  }
}

function checkHead({ task, labels }: Model, head: Head | null): void {
  if ((task === "transcription") !== (head === null)) {
    throw new ManifestError(`model.task is '${task}', and there is ${head ? "a" : "no"} head`);
  }
  if (head !== null && task !== "embedding" && head.width !== labels.length) {
    throw new ManifestError(`head.width is ${head.width} of ${labels.length} labels`);
  }
}

function readModel(fields: Fields): Model {
  return {
    name: fields.text("name"),
    source: fields.text("source"),
    licence: fields.text("licence"),
    labels: fields.texts("labels"),
    blank: fields.integer("blank"),
    wordDelimiter: fields.optionalText("word_delimiter"),
    sampleRate: fields.integer("sample_rate", MIN_RATE_HZ, MAX_RATE_HZ),
    frameStride: fields.integer("frame_stride", 1, MAX_SAMPLES),
    receptiveField: fields.integer("receptive_field", 1, MAX_SAMPLES),
    emission: fields.oneOf("emission", ["logits", "log_probs", "none"] as const),
    parameters: fields.integer("parameters"),
    task: fields.has("task") ? fields.oneOf("task", TASKS) : "transcription",
    vocabulary: fields.has("vocabulary") ? fields.text("vocabulary") : null,
  };
}

function readHead(fields: Fields): Head {
  return {
    width: fields.integer("width", 1, MAX_WIDTH),
    leastSamples: fields.integer("least_samples", 1, MAX_LEAST_SAMPLES),
    golden: fields.children("golden").map((clip) => ({
      ...readEntry(clip),
      seconds: clip.number("seconds"),
      label: clip.optionalText("label"),
      values: readEntry(clip.child("values")),
    })),
  };
}

function readEntry(fields: Fields): FileEntry {
  return {
    path: fields.fileName("path"),
    bytes: fields.integer("bytes"),
    sha256: fields.sha256("sha256"),
  };
}

function readArtifact(fields: Fields): Artifact {
  return {
    ...readEntry(fields),
    kind: fields.oneOf("kind", ["onnx", "torchscript", "exported-program"] as const),
    precision: fields.text("precision"),
    externalData: fields.children("external_data").map(readEntry),
  };
}

function readGolden(fields: Fields): GoldenClip {
  return {
    ...readEntry(fields),
    seconds: fields.number("seconds"),
    transcript: fields.text("transcript"),
    tokens: fields.integers("tokens"),
    tokenStarts: fields.integers("token_starts"),
    tokenEnds: fields.integers("token_ends"),
    frames: fields.integer("frames"),
    emission: readEntry(fields.child("emission")),
  };
}
