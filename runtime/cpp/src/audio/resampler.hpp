// Sample-rate conversion block by block, as torchaudio's defaults and the Python runtime's
// audio/resample.py. The graph resamples recordings that run at once; windows are cut at its rate.
#pragma once

#include <cstdint>
#include <vector>

namespace voxport {

/// Converts from one rate to another: no block's edge shows in the result.
class Resampler {
 public:
  Resampler(std::int64_t from, std::int64_t to);  // Hz

  /// Return the samples complete after one block more.
  std::vector<float> push(const std::vector<float>& block);

  /// Return the rest, once the last block was pushed.
  std::vector<float> finish();

 private:
  /// Phases of the output, computed together.
  struct Group {
    std::int64_t first = 0;      // phase
    std::int64_t phases = 0;
    std::int64_t start = 0;      // of its samples within a step's span
    std::int64_t taps = 0;
    std::vector<float> kernel;   // (taps, phases)
  };

  std::vector<float> run(std::int64_t steps);

  std::int64_t from_ = 1;
  std::int64_t to_ = 1;
  std::int64_t span_ = 0;  // samples of a step
  std::int64_t taken_ = 0;
  std::int64_t given_ = 0;
  std::vector<Group> groups_;
  std::vector<float> pending_;
};

}  // namespace voxport
