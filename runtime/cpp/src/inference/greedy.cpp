#include "inference/greedy.hpp"

#include <algorithm>
#include <cmath>

namespace voxport {

void PartDecoder::add(std::int64_t label, std::int64_t start, std::int64_t end, double score) {
  if (!path_.tokens.empty() && path_.tokens.back() == label && path_.ends.back() == start) {
    const auto held = static_cast<double>(start - path_.starts.back());
    const double total = path_.scores.back() * held + score * static_cast<double>(end - start);
    path_.scores.back() = total / static_cast<double>(end - path_.starts.back());
    path_.ends.back() = end;
    return;
  }
  path_.tokens.push_back(label);
  path_.starts.push_back(start);
  path_.ends.push_back(end);
  path_.scores.push_back(score);
}

void PartDecoder::push(const Emission& part) {
  std::int64_t label = -1;  // of the run
  std::int64_t start = 0;
  float total = 0;
  const auto finish = [&](std::int64_t end) {
    if (label < 0 || label == blank_ || end == start) return;
    add(label, frames_ + start, frames_ + end, total / static_cast<double>(end - start));
  };
  for (std::int64_t frame = 0; frame < part.frames; ++frame) {
    const auto row = part.values.begin() + frame * part.labels;
    const auto best = std::max_element(row, row + part.labels);
    float sum = 0;
    for (auto logit = row; logit != row + part.labels; ++logit) sum += std::exp(*logit - *best);
    if (best - row != label) {
      finish(frame);
      label = best - row;
      start = frame;
      total = 0;
    }
    total += 1 / sum;
  }
  finish(part.frames);
  frames_ += part.frames;
}

}  // namespace voxport
