// The contract of the graph inside an artifact, the same for every backend.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "package/integrity.hpp"
#include "voxport/voxport.hpp"

namespace voxport {

/// The graph's outputs in the order of the contract, which is also that of TorchScript's tuple.
inline constexpr std::array kOutputs = {
    "emission",     "emission_lengths", "tokens",       "token_lengths",
    "token_starts", "token_ends",       "token_scores", "transcript",
};

/// The answer for the one row of a batch, its padding included and nothing in it checked.
struct GraphOutput {
  std::vector<float> emission;         // (frames, labels)
  std::int64_t labels = 0;
  std::int64_t frames = 0;             // valid ones
  std::vector<std::int64_t> tokens;    // (N,) indices into the labels
  std::int64_t token_count = 0;        // valid ones
  std::vector<std::int64_t> starts;    // (N,) frames
  std::vector<std::int64_t> ends;      // (N,) frames, exclusive
  std::vector<float> scores;           // (N,) 0 to 1
  std::string transcript;
};

/// The outputs of a classifier's graph in the order of the contract.
inline constexpr std::array kLabelOutputs = {"logits", "scores", "label"};

/// The answer of a classifier's graph for the one row of a batch; nothing in it is checked.
struct LabelOutput {
  std::vector<float> logits;  // (labels,)
  std::vector<float> scores;  // (labels,) 0 to 1
  std::string label;
};

/// A loaded artifact. Safe to call from several threads.
class Backend {
 public:
  virtual ~Backend() = default;

  /// Run the graph. `waveform`: at least one receptive field, of which the first `length` samples
  /// are valid. `sample_rate`: its rate in Hz, where that is not the model's.
  virtual GraphOutput run(std::vector<float> waveform, std::int64_t length,
                          std::optional<std::int64_t> sample_rate) const = 0;

  /// Run the graph of a classifier; the arguments are run()'s.
  virtual LabelOutput classify(std::vector<float> waveform, std::int64_t length,
                               std::optional<std::int64_t> sample_rate) const = 0;
};

/// The bytes of an artifact, hashed as they were read; backends see no file. Free to go once the
/// artifact is loaded.
struct ArtifactBytes {
  std::filesystem::path path;  // for messages
  FileBytes model;
  std::vector<std::string> weight_names;  // of external data, as the graph calls them
  std::vector<FileBytes> weights;
};

/// A kind of backend in this build.
struct BackendKind {
  std::string artifact;  // the kind of artifact that it runs: "onnx" or "torchscript"
  bool is_by_name_only;  // its artifacts run code, and so run only where they are named
  std::string name;
  std::string (*version)();
  std::unique_ptr<Backend> (*open)(const ArtifactBytes& artifact, int threads);
};

/// Return the backends of this build, the preferred one first.
const std::vector<BackendKind>& built_in_backends();

/// Describe a run that failed, and what to do where memory ran out.
std::string describe_failure(const std::string& runtime, std::int64_t samples,
                             const std::string& reason);

std::string onnxruntime_version();
std::unique_ptr<Backend> open_onnx(const ArtifactBytes& artifact, int threads);

std::string libtorch_version();
std::unique_ptr<Backend> open_torchscript(const ArtifactBytes& artifact, int threads);

}  // namespace voxport
