// Long recordings in overlapping windows: the cuts, and the stitching of emissions. The same sums and
// choices as the Python runtime's inference/windows.py, which says why. Knows samples, frames and the
// blank; no files, no backend and no text.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "voxport/voxport.hpp"

namespace voxport {

/// Length of a window in the model's samples and frames.
struct Geometry {
  std::int64_t stride = 1;  // samples from a frame to the next
  std::int64_t field = 1;   // samples under a frame
  std::int64_t frames = 1;  // of the longest window

  std::int64_t context() const noexcept { return frames / 8; }  // frames, on either side
  std::int64_t span(std::int64_t count) const noexcept { return (count - 1) * stride + field; }
  std::int64_t samples() const noexcept { return span(frames); }
};

/// A part of a recording, run at once.
struct Window {
  std::int64_t first = 0;            // frame of the recording that is this window's first
  std::vector<float> waveform;
  std::optional<std::int64_t> cut;   // frame from which the next one answers; none: the last
};

/// Give the next samples of a recording, fewer only at its end.
using ReadSamples = std::function<std::vector<float>(std::size_t)>;

/// Call `use` with each window of a recording, one in memory at a time.
void split_into_windows(const ReadSamples& read, const Geometry& geometry,
                        const std::function<void(Window)>& use);

/// Return the frame in the middle of a longest window's quietest moment, the latest of several.
std::int64_t quietest_frame(const std::vector<float>& waveform, const Geometry& geometry);

/// Joins the emissions of windows; `use` gets the recording's in parts.
class Stitcher {
 public:
  using Use = std::function<void(Emission)>;

  Stitcher(const Geometry& geometry, std::int64_t blank, Use use)
      : geometry_(geometry), blank_(blank), use_(std::move(use)) {}

  /// Add the next window's emission; its waveform is not looked at.
  void push(const Window& window, Emission emission);

  /// Give the rest, once the last window was pushed.
  void finish();

 private:
  Geometry geometry_;
  std::int64_t blank_;
  Use use_;
  std::int64_t place_ = 0;  // the frame from which on nothing is given yet
  std::int64_t cut_ = 0;
  std::optional<Emission> held_;  // what is known from there on
};

}  // namespace voxport
