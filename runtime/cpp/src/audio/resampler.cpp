#include "audio/resampler.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace voxport {
namespace {

constexpr float kWidth = 6;  // zero crossings of the sinc on either side
constexpr double kRolloff = 0.99;
constexpr std::int64_t kPhases = 32;  // that share a kernel
constexpr float kPi = 3.14159265358979323846F;

/// Return one tap of the filter, in float32 throughout as torchaudio computes it.
float tap(float place, float phase, std::int64_t from, std::int64_t to, double base) {
  float t = place / static_cast<float>(from) + phase / static_cast<float>(to);
  t = std::clamp(t * static_cast<float>(base), -kWidth, kWidth);
  const float root = std::cos(t * kPi / kWidth / 2);
  const float window = root * root * static_cast<float>(base / static_cast<double>(from));
  t *= kPi;
  return (t == 0 ? 1.0F : std::sin(t) / t) * window;
}

}  // namespace

Resampler::Resampler(std::int64_t from, std::int64_t to) {
  const std::int64_t divisor = std::gcd(from, to);
  from_ = from / divisor;
  to_ = to / divisor;
  const double base = static_cast<double>(std::min(from_, to_)) * kRolloff;
  const auto width = static_cast<std::int64_t>(
      std::ceil(static_cast<double>(kWidth) * static_cast<double>(from_) / base));
  for (std::int64_t first = 0; first < to_; first += kPhases) {
    const std::int64_t last = std::min(first + kPhases, to_);
    const std::int64_t start = first * from_ / to_;
    Group group{first, last - first, start, (last - 1) * from_ / to_ + width + 2 - (start - width), {}};
    for (std::int64_t i = 0; i < group.taps; ++i) {
      for (std::int64_t phase = first; phase < last; ++phase) {
        group.kernel.push_back(tap(static_cast<float>(start - width + i),
                                   static_cast<float>(-phase), from_, to_, base));
      }
    }
    span_ = std::max(span_, group.start + group.taps);
    groups_.push_back(std::move(group));
  }
  pending_.assign(static_cast<std::size_t>(width), 0.0F);
}

std::vector<float> Resampler::push(const std::vector<float>& block) {
  if (from_ == to_) return block;
  taken_ += static_cast<std::int64_t>(block.size());
  pending_.insert(pending_.end(), block.begin(), block.end());
  const auto held = static_cast<std::int64_t>(pending_.size());
  return run(held < span_ ? 0 : (held - span_) / from_ + 1);
}

std::vector<float> Resampler::finish() {
  if (from_ == to_) return {};
  // torchaudio takes the ceiling of a float32.
  const double exact = static_cast<double>(to_ * taken_) / static_cast<double>(from_);
  const auto ceiling = static_cast<std::int64_t>(std::ceil(static_cast<float>(exact)));
  const std::int64_t length = std::min(ceiling, (taken_ / from_ + 1) * to_);
  const std::int64_t missing = std::max<std::int64_t>(0, length - given_);
  const std::int64_t steps = (missing + to_ - 1) / to_;
  const auto needed = static_cast<std::size_t>(steps * from_ + span_);
  if (pending_.size() < needed) pending_.resize(needed);
  std::vector<float> rest = run(steps);
  rest.resize(static_cast<std::size_t>(missing));
  return rest;
}

std::vector<float> Resampler::run(std::int64_t steps) {
  std::vector<float> result(static_cast<std::size_t>(steps * to_));
  for (const Group& group : groups_) {
    for (std::int64_t step = 0; step < steps; ++step) {
      const float* samples = pending_.data() + step * from_ + group.start;
      const float* kernel = group.kernel.data();
      std::array<float, kPhases> sums = {};
      for (std::int64_t i = 0; i < group.taps; ++i, kernel += group.phases) {
        for (std::int64_t phase = 0; phase < group.phases; ++phase) {
          sums[static_cast<std::size_t>(phase)] += samples[i] * kernel[phase];
        }
      }
      std::copy_n(sums.begin(), group.phases, result.begin() + step * to_ + group.first);
    }
  }
  pending_.erase(pending_.begin(), pending_.begin() + steps * from_);
  given_ += static_cast<std::int64_t>(result.size());
  return result;
}

}  // namespace voxport
