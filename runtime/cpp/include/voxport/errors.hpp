// Expected failures, in the classes of the Python runtime.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "voxport/export.h"

namespace voxport {

/// The classes of errors by number; the C interface returns them as its status.
enum class ErrorKind {
  other = 1,
  package = 10,
  package_not_found = 11,
  manifest = 12,
  later_version = 13,
  integrity = 14,
  artifact_unavailable = 15,
  inference = 20,
  input = 30,
  alignment = 31,
  audio = 32,
  audio_file = 33,
  audio_not_found = 34,
};

/// Return the name of the Python runtime's class: "AudioFileError".
VOXPORT_API const char* kind_name(ErrorKind kind) noexcept;

/// An expected failure: a bad recording, a bad package, a failed run. what() is "subject: reason".
class VOXPORT_API Error : public std::runtime_error {
 public:
  explicit Error(const std::string& reason) : std::runtime_error(reason), reason_(reason) {}
  Error(const std::filesystem::path& subject, const std::string& reason)
      : std::runtime_error(subject.string() + ": " + reason), reason_(reason) {}

  /// Return the message without its subject, a file.
  const std::string& reason() const noexcept { return reason_; }

  virtual ErrorKind kind() const noexcept { return ErrorKind::other; }

  /// Throw an error of the same class, with `subject` before its reason.
  [[noreturn]] void raise_about(const std::filesystem::path& subject) const {
    throw_about(subject);
    std::abort();  // not reached
  }

 private:
  virtual void throw_about(const std::filesystem::path& subject) const {
    throw Error(subject, reason_);
  }

  std::string reason_;
};

/// A class of errors, and of its base.
template <class Base, ErrorKind Kind>
class VOXPORT_API KindOfError : public Base {
 public:
  using Base::Base;

  ErrorKind kind() const noexcept override { return Kind; }

 private:
  void throw_about(const std::filesystem::path& subject) const override {
    throw KindOfError(subject, this->reason());
  }
};

using PackageError = KindOfError<Error, ErrorKind::package>;
using PackageNotFoundError = KindOfError<PackageError, ErrorKind::package_not_found>;
using ManifestError = KindOfError<PackageError, ErrorKind::manifest>;
using LaterVersionError = KindOfError<ManifestError, ErrorKind::later_version>;
using IntegrityError = KindOfError<PackageError, ErrorKind::integrity>;
using ArtifactUnavailableError = KindOfError<PackageError, ErrorKind::artifact_unavailable>;
using InferenceError = KindOfError<Error, ErrorKind::inference>;
using InputError = KindOfError<Error, ErrorKind::input>;
using AlignmentError = KindOfError<InputError, ErrorKind::alignment>;
using AudioError = KindOfError<InputError, ErrorKind::audio>;
using AudioFileError = KindOfError<AudioError, ErrorKind::audio_file>;
using AudioNotFoundError = KindOfError<AudioFileError, ErrorKind::audio_not_found>;

}  // namespace voxport
