// What manifest.json says, as far as a host without Python needs it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "package/file_entry.hpp"
#include "voxport/voxport.hpp"

namespace voxport {

/// A file that runs the model.
struct Artifact {
  FileEntry file;
  std::string kind;       // "onnx" or "torchscript"
  std::string precision;  // "fp32", ...
  std::vector<FileEntry> external_data;  // weights beside the graph
  bool takes_sample_rate = false;        // and resamples; without it, at the model's rate only
};

struct Manifest {
  Model model;
  std::vector<Artifact> artifacts;
};

/// The manifest of the package in `folder`; every way in which it can be wrong is an Error.
Manifest read_manifest(const std::filesystem::path& folder);

}  // namespace voxport
