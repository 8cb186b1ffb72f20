/**
 * The errors of expected failures.
 *
 * One base class: `error instanceof VoxportError` tells an expected failure, a message for people,
 * from a defect. Messages give the input, the expectation and the remedy.
 */

/** An expected failure; the message is "subject: reason", or the reason alone without a subject. */
export class VoxportError extends Error {
  constructor(
    readonly reason: string,
    readonly subject?: string, // a file, a package
    options?: ErrorOptions,
  ) {
    super(subject === undefined ? reason : `${subject}: ${reason}`, options);
    this.name = new.target.name;
  }
}

/** A package that cannot be used: its manifest or one of its files is wrong. */
export class PackageError extends VoxportError {}

/** There is no package at the given place, or a file of it is missing. */
export class PackageNotFoundError extends PackageError {}

/** A manifest that is not JSON, not of this format, or whose fields are not as published. */
export class ManifestError extends PackageError {}

/** A manifest that a later voxport wrote. */
export class LaterVersionError extends ManifestError {}

/** A file whose bytes differ from the manifest's record. */
export class IntegrityError extends PackageError {}

/** The package has no artifact that can run here, or not the requested one. */
export class ArtifactUnavailableError extends PackageError {}

/** ONNX Runtime failed to load an artifact or to run it, or its answer breaks the contract. */
export class InferenceError extends VoxportError {}

/** Audio that cannot be transcribed. */
export class AudioError extends VoxportError {}

/** An argument that makes no sense. */
export class InputError extends VoxportError {}

/** A text that cannot be aligned with its recording. */
export class AlignmentError extends InputError {}

/** Return the message of anything that was thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.split(/\s+/).join(" ").trim();
}
