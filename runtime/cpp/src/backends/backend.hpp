// What runs an artifact: the graph's contract, the same for every backend.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "voxport/voxport.hpp"

namespace voxport {

/// The graph's outputs in the order of the contract, which is also that of TorchScript's tuple.
inline constexpr std::array kOutputs = {
    "emission",     "emission_lengths", "tokens",       "token_lengths",
    "token_starts", "token_ends",       "token_scores", "transcript",
};

/// The answer for the one row of a batch, its padding included.
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

/// Something that runs an artifact. Safe to call from several threads.
class Backend {
 public:
  virtual ~Backend() = default;

  /// `waveform`: at least one receptive field, of which the first `length` samples are valid.
  /// `sample_rate`: its own in Hz, where that is not the model's.
  virtual GraphOutput run(std::vector<float> waveform, std::int64_t length,
                          std::optional<std::int64_t> sample_rate) const = 0;
};

/// A kind of backend in this build.
struct BackendKind {
  std::string artifact;  // the kind of artifact that it runs: "onnx" or "torchscript"
  std::string name;
  std::string (*version)();
  std::unique_ptr<Backend> (*open)(const std::filesystem::path& file, int threads);
};

/// Those that this build has; the one to prefer comes first.
const std::vector<BackendKind>& built_in_backends();

/// What to say of a run that failed, with what to do where it is memory that ran out.
std::string failure(const std::string& runtime, std::int64_t samples, const std::string& reason);

std::string onnxruntime_version();
std::unique_ptr<Backend> open_onnx(const std::filesystem::path& file, int threads);

std::string libtorch_version();
std::unique_ptr<Backend> open_torchscript(const std::filesystem::path& file, int threads);

}  // namespace voxport
