// From a package to an artifact that runs, for every task.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "backends/backend.hpp"
#include "voxport/voxport.hpp"

namespace voxport {

struct OpenedArtifact {
  Model model;
  bool resamples = false;  // its graph takes the rate of the waveform
  std::unique_ptr<Backend> backend;
};

/// Open the artifact that fits the options. Error where the model's task is another.
OpenedArtifact open_artifact(const std::filesystem::path& package, const std::string& task,
                             const Options& options);

/// Return the rate that the graph resamples from, or none where the audio is at the model's.
std::optional<std::int64_t> rate_to_resample(int sample_rate, const Model& model, bool resamples);

/// Return the seconds of a recording.
double duration_of(const Audio& audio);

}  // namespace voxport
