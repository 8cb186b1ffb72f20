#include "voxport/errors.hpp"

namespace voxport {

const char* kind_name(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::other: return "VoxportError";
    case ErrorKind::package: return "PackageError";
    case ErrorKind::package_not_found: return "PackageNotFoundError";
    case ErrorKind::manifest: return "ManifestError";
    case ErrorKind::later_version: return "LaterVersionError";
    case ErrorKind::integrity: return "IntegrityError";
    case ErrorKind::artifact_unavailable: return "ArtifactUnavailableError";
    case ErrorKind::inference: return "InferenceError";
    case ErrorKind::input: return "InputError";
    case ErrorKind::alignment: return "AlignmentError";
    case ErrorKind::audio: return "AudioError";
    case ErrorKind::audio_file: return "AudioFileError";
    case ErrorKind::audio_not_found: return "AudioNotFoundError";
  }
  return "VoxportError";
}

}  // namespace voxport
