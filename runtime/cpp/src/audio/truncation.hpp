// Incomplete recordings, by what libsndfile and the container's header say.
#pragma once

#include <cstdint>
#include <string>

namespace voxport {

/// libsndfile's count for a FLAC that was written to a pipe is 2**63 - 1.
inline constexpr std::int64_t kUnknownFrames = std::int64_t{1} << 62;

/// A decoded file in figures.
struct Decoded {
  std::string log;            // libsndfile's
  std::int64_t promised = 0;  // frames, by the header; 0 or kUnknownFrames: not known
  std::int64_t found = 0;     // frames
  int sample_rate = 0;        // Hz
  std::uintmax_t bytes = 0;   // of the file
};

/// Return the reason why the recording is incomplete, or "".
std::string truncation_problem(const Decoded& decoded);

}  // namespace voxport
