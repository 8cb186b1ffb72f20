// Greedy CTC decoding of an emission that comes in parts, as the graph decodes it.
#pragma once

#include <cstdint>
#include <vector>

#include "voxport/voxport.hpp"

namespace voxport {

/// A CTC path: tokens and the run of frames of each.
struct TokenPath {
  std::vector<std::int64_t> tokens;
  std::vector<std::int64_t> starts;  // frames
  std::vector<std::int64_t> ends;    // frames, exclusive
  std::vector<double> scores;        // mean posterior
};

/// Collapses repeats and removes blanks; a run across two parts is one.
class PartDecoder {
 public:
  explicit PartDecoder(std::int64_t blank) : blank_(blank) {}

  void push(const Emission& part);

  const TokenPath& path() const noexcept { return path_; }
  std::int64_t frames() const noexcept { return frames_; }  // so far

 private:
  void add(std::int64_t label, std::int64_t start, std::int64_t end, double score);

  std::int64_t blank_;
  std::int64_t frames_ = 0;
  TokenPath path_;
};

}  // namespace voxport
