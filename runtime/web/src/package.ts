/**
 * From a package to the artifact to run: read the manifest, choose.
 *
 * Only a `PackageFiles` knows where the files lie: in a folder, on a server, on a page.
 */

import { ArtifactUnavailableError, ManifestError } from "./errors.js";
import type { FileEntry } from "./file-entry.js";
import { type Artifact, FILE_NAME, type Manifest, parseManifest } from "./manifest.js";

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

/** Choose among the ONNX artifacts; TorchScript, which runs code, is never taken here. */
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
