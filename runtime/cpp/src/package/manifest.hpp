// manifest.json, as far as a host without Python needs it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "package/file_entry.hpp"
#include "voxport/voxport.hpp"

namespace voxport {

/// An executable form of the model.
struct Artifact {
  FileEntry file;
  std::string kind;       // "onnx" or "torchscript"
  std::string precision;  // "fp32", ...
  std::vector<FileEntry> external_data;  // weights beside the graph
  bool takes_sample_rate = false;        // its graph resamples; others take the model's rate only
};

struct Manifest {
  Model model;
  std::vector<Artifact> artifacts;
};

/// Read the manifest of the package in `folder`; Error, naming the field, where it is wrong.
Manifest read_manifest(const std::filesystem::path& folder);

}  // namespace voxport
