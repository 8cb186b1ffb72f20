/**
 * Every error that voxport throws on purpose.
 *
 * One base class, so that `error instanceof VoxportError` tells an expected failure, which is a
 * message for people, from a defect. Messages say what was given, what was expected and what to do;
 * this module knows nothing of where they are thrown.
 */

/** Its message is "subject: reason", or the reason alone where there is no subject. */
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

/** A package that cannot be used: its manifest or one of its files is not what it must be. */
export class PackageError extends VoxportError {}

/** There is no package at the given place, or a file of it is missing. */
export class PackageNotFoundError extends PackageError {}

/** A manifest that is not JSON, not of this format, or whose fields are not as published. */
export class ManifestError extends PackageError {}

/** A manifest that a later voxport wrote. */
export class LaterVersionError extends ManifestError {}

/** A file whose bytes are not the ones that the manifest records. */
export class IntegrityError extends PackageError {}

/** The package holds no artifact that can run here, or not the one that was asked for. */
export class ArtifactUnavailableError extends PackageError {}

/** The runtime failed to load an artifact or to run it. */
export class InferenceError extends VoxportError {}

/** Audio that cannot be transcribed. */
export class AudioError extends VoxportError {}

/** What an unknown thing that was thrown says, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.split(/\s+/).join(" ").trim();
}
