/**
 * From a package to the artifact to run: read the manifest, choose.
 *
 * Only a `PackageFiles` knows where the files lie: in a folder, on a server, on a page.
 */

import { ArtifactUnavailableError, ManifestError } from "./errors.js";
import type { FileEntry } from "./file-entry.js";
import { type Artifact, FILE_NAME, type Manifest, type Task, parseManifest } from "./manifest.js";

export const NO_MANIFEST =
  `not a voxport package: there is no ${FILE_NAME} in it; ` +
  "`voxport export MODEL -o DIR` writes a package";
export const NO_FILE =
  "the manifest lists this file and it is missing; copy the package again or export it again";

/** Access to the files of one package. */
export interface PackageFiles {
  readonly name: string; // of the package, in messages

  /** Read its manifest. Rejects with PackageNotFoundError where there is none. */
  manifest(): Promise<Uint8Array>;

  /** Read a file and check its size and hash; the bytes that were hashed are the result. */
  open(entry: FileEntry): Promise<Uint8Array>;
}

/** The choice of an artifact. */
export interface Choice {
  readonly precision?: string; // that one and no other
  readonly prefer?: string; // that one where the package has it; without it fp32
}

export async function readManifest(files: PackageFiles): Promise<Manifest> {
  const raw = await files.manifest();
  try {
    return await parseManifest(raw);
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    const Kind = error.constructor as typeof ManifestError;
    throw new Kind(error.reason, `${files.name}/${FILE_NAME}`, { cause: error.cause });
  }
}

/**
 * Choose among the ONNX artifacts; TorchScript, which runs code, is never taken here. Throws where
 * the model's task is not `task`.
 */
export function chooseArtifact(
  manifest: Manifest,
  choice: Choice,
  subject: string,
  task: Task = "transcription",
): Artifact {
  if (manifest.model.task !== task || manifest.model.labels.length === 0) {
    throw new ArtifactUnavailableError(refusal(manifest, task), subject);
  }
  const { precision, prefer = "fp32" } = choice;
  const fitting = manifest.artifacts.filter(
    (item) => item.kind === "onnx" && (precision === undefined || item.precision === precision),
  );
  const chosen = fitting.find((item) => item.precision === prefer) ?? fitting[0];
  if (chosen !== undefined) return chosen;
  const wanted = [precision, "onnx artifact"].filter(Boolean).join(" ");
  const listed = manifest.artifacts.map((item) => `${item.precision} ${item.kind}`).join(", ");
  throw new ArtifactUnavailableError(
    `holds no ${wanted}, only: ${listed || "none"}; \`voxport export\` writes others`,
    subject,
  );
}

/** Say why a model is not one for `task`, and what opens it. */
function refusal({ model }: Manifest, task: Task): string {
  if (model.task === "classification") {
    return "the model gives no text but labels of recordings (loadClassifier)";
  }
  if (model.task !== "transcription") {
    return `the model gives answers of the task ${model.task}, which voxport's Python runtime runs`;
  }
  if (model.labels.length === 0) return "the model has no CTC head: it gives features and no text";
  return `the model is one for transcription (load), not for ${task}`;
}
