// Whether a recording is whole, by what libsndfile tells of its file.
#pragma once

#include <cstdint>
#include <string>

namespace voxport {

/// libsndfile's count for a FLAC that was written to a pipe is 2**63 - 1.
inline constexpr std::int64_t kUnknownFrames = std::int64_t{1} << 62;

/// What libsndfile made of a file.
struct Decoded {
  std::string log;
  std::int64_t promised = 0;  // frames, by the header
  std::int64_t found = 0;     // frames
  std::uintmax_t bytes = 0;   // of the file
};

/// Why the file is not whole, or "".
std::string truncation_problem(const Decoded& decoded);

}  // namespace voxport
