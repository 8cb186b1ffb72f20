#include "inference/windows.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace voxport {
namespace {

constexpr std::int64_t kSearchShare = 4;   // a quarter of a window is searched for a quiet moment
constexpr std::int64_t kQuietFrames = 15;  // length of a quiet moment: 0.3 s

/// Return the frames `start` to `end` of an emission, as far as it has them.
Emission slice(const Emission& emission, std::int64_t start, std::int64_t end) {
  start = std::clamp<std::int64_t>(start, 0, emission.frames);
  end = std::clamp<std::int64_t>(end, start, emission.frames);
  const auto first = emission.values.begin() + start * emission.labels;
  const auto last = emission.values.begin() + end * emission.labels;
  return {{first, last}, end - start, emission.labels};
}

/// The best label of each frame, its tokens, and the number begun before each frame.
struct Path {
  std::vector<std::int64_t> labels;
  std::vector<std::int64_t> tokens;
  std::vector<std::size_t> begun{0};

  Path(const Emission& emission, std::int64_t count, std::int64_t blank) {
    for (std::int64_t frame = 0; frame < count; ++frame) {
      const auto row = emission.values.begin() + frame * emission.labels;
      labels.push_back(std::max_element(row, row + emission.labels) - row);
      const bool is_new = frame == 0 || labels.back() != labels[labels.size() - 2];
      if (labels.back() != blank && is_new) tokens.push_back(labels.back());
      begun.push_back(tokens.size());
    }
  }
};

using Table = std::vector<std::vector<std::int64_t>>;

/// Return the edit distances of all prefixes of the one from all prefixes of the other.
Table edit_distances(const std::vector<std::int64_t>& one, const std::vector<std::int64_t>& other) {
  Table table(one.size() + 1, std::vector<std::int64_t>(other.size() + 1));
  for (std::size_t j = 0; j <= other.size(); ++j) table[0][j] = static_cast<std::int64_t>(j);
  for (std::size_t i = 1; i <= one.size(); ++i) {
    table[i][0] = static_cast<std::int64_t>(i);
    for (std::size_t j = 1; j <= other.size(); ++j) {
      const std::int64_t replaced = table[i - 1][j - 1] + (one[i - 1] != other[j - 1]);
      table[i][j] = std::min({replaced, table[i - 1][j] + 1, table[i][j - 1] + 1});
    }
  }
  return table;
}

/// Return the first frame taken from the `fresh` one of two windows: of the frames inside no token,
/// the one with the fewest differing tokens, of several the nearest to `near`.
std::int64_t find_seam(const Emission& old, const Emission& fresh, std::int64_t near,
                       std::int64_t blank) {
  const std::int64_t count = std::min(old.frames, fresh.frames);
  const Path one(old, count, blank);
  const Path other(fresh, count, blank);
  const Table before = edit_distances(one.tokens, other.tokens);
  const Table after = edit_distances({one.tokens.rbegin(), one.tokens.rend()},
                                     {other.tokens.rbegin(), other.tokens.rend()});
  using Rank = std::tuple<bool, std::int64_t, std::int64_t, std::int64_t>;
  std::optional<Rank> best;
  for (std::int64_t frame = 0; frame <= count; ++frame) {
    const auto place = static_cast<std::size_t>(frame);
    const bool is_silent = frame > 0 && one.labels[place - 1] == blank &&
                           other.labels[place - 1] == blank;
    const std::size_t i = one.begun[place];
    const std::size_t j = other.begun[place];
    const std::int64_t wrong =
        before[i][j] + after[one.tokens.size() - i][other.tokens.size() - j];
    const Rank rank{!is_silent, wrong, std::abs(frame - near), frame};
    if (!best || rank < *best) best = rank;
  }
  return std::get<3>(*best);
}

}  // namespace

std::int64_t quietest_frame(const std::vector<float>& waveform, const Geometry& geometry) {
  const std::int64_t last = geometry.frames - geometry.context();
  const std::int64_t first = last - std::max<std::int64_t>(1, geometry.frames / kSearchShare);
  const std::int64_t length = std::min(kQuietFrames, last - first);
  std::vector<double> powers;  // of frames
  for (std::int64_t frame = first; frame < last; ++frame) {
    double power = 0;
    for (std::int64_t i = frame * geometry.stride; i < (frame + 1) * geometry.stride; ++i) {
      const double sample = waveform[static_cast<std::size_t>(i)];
      power += sample * sample;
    }
    powers.push_back(power);
  }
  std::int64_t quiet = 0;
  double least = 0;
  for (std::int64_t start = 0; start + length <= last - first; ++start) {
    double sum = 0;
    for (std::int64_t i = start; i < start + length; ++i) sum += powers[static_cast<std::size_t>(i)];
    if (start > 0 && sum > least) continue;
    quiet = start;
    least = sum;
  }
  return first + quiet + length / 2;
}

void split_into_windows(const ReadSamples& read, const Geometry& geometry,
                        const std::function<void(Window)>& use) {
  std::int64_t first = 0;
  const auto longest = static_cast<std::size_t>(geometry.samples());
  std::vector<float> waveform = read(longest);
  while (waveform.size() == longest) {
    const std::int64_t cut = quietest_frame(waveform, geometry);
    const auto size = static_cast<std::ptrdiff_t>(geometry.span(cut + geometry.context()));
    use({first, {waveform.begin(), waveform.begin() + size}, first + cut});
    const std::int64_t start = cut - geometry.context();
    waveform.erase(waveform.begin(), waveform.begin() + start * geometry.stride);
    const std::vector<float> more = read(longest - waveform.size());
    waveform.insert(waveform.end(), more.begin(), more.end());
    first += start;
  }
  use({first, std::move(waveform), std::nullopt});
}

void Stitcher::push(const Window& window, Emission emission) {
  if (held_) {
    const std::int64_t half = geometry_.context() / 2;
    const std::int64_t start = std::max(place_, cut_ - half);
    const std::int64_t end = cut_ + half;
    const Emission old = slice(*held_, start - place_, end - place_);
    const Emission fresh = slice(emission, start - window.first, end - window.first);
    const std::int64_t joint = start + find_seam(old, fresh, cut_ - start, blank_);
    use_(slice(*held_, 0, joint - place_));
    place_ = joint;
  }
  held_ = slice(emission, place_ - window.first, emission.frames);
  cut_ = window.cut.value_or(place_);
}

void Stitcher::finish() {
  if (held_) use_(std::move(*held_));
  held_.reset();
}

}  // namespace voxport
