/**
 * From a package to the file that is run: read the manifest, choose an artifact, check what it needs.
 *
 * Where the files lie (a folder, a server, a drop on a page) is known only to a `PackageFiles`.
 */

import { ArtifactUnavailableError, ManifestError } from "./errors.js";
import type { FileEntry } from "./file-entry.js";
import { type Artifact, FILE_NAME, type Manifest, parseManifest } from "./manifest.js";

export const NO_MANIFEST =
  `not a voxport package: there is no ${FILE_NAME} in it; ` +
  "`voxport export MODEL -o DIR` writes a package";
export const NO_FILE =
  "the manifest lists this file and it is missing; copy the package again or export it again";

/** A file that was found to be as recorded: its bytes, or its path where it is read from a disk. */
export type CheckedFile = Uint8Array | string;

/** Where the files of one package lie. */
export interface PackageFiles {
  readonly name: string; // what messages call the package

  /** The bytes of its manifest, or a PackageNotFoundError. */
  manifest(): Promise<Uint8Array>;

  /** A file, once its size and its hash are found to be as recorded, or an error. */
  open(entry: FileEntry): Promise<CheckedFile>;
}

/** Which artifact is meant. */
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

/** The ONNX artifact that is meant. */
export function chooseArtifact(manifest: Manifest, choice: Choice, subject: string): Artifact {
  if (manifest.model.labels.length === 0) {
    throw new ArtifactUnavailableError(
      "the model has no CTC head: it gives features and no text",
      subject,
    );
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
