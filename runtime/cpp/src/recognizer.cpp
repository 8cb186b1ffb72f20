// A package's artifact as a recognizer of speech.
#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "audio/resampler.hpp"
#include "inference/greedy.hpp"
#include "inference/windows.hpp"
#include "open_artifact.hpp"
#include "transcript.hpp"
#include "voxport/voxport.hpp"

namespace voxport {
namespace {

/// Return seconds, possibly infinite, as a number of samples.
std::int64_t samples_in(double seconds, std::int64_t rate) {
  constexpr double kMost = 4e18;
  return static_cast<std::int64_t>(std::min(seconds * static_cast<double>(rate), kMost));
}

// As of a file's samples: Python's limits.
constexpr float kMaxAmplitude = 1e10F;
constexpr double kLeastWindowSeconds = 5;

void check_samples(const Audio& audio) {
  if (audio.sample_rate <= 0) {
    throw AudioError("its sample rate is " + std::to_string(audio.sample_rate) + " Hz");
  }
  for (std::size_t i = 0; i < audio.waveform.size(); ++i) {
    const float size = std::fabs(audio.waveform[i]);
    if (size <= kMaxAmplitude) continue;
    throw AudioError(std::isfinite(size)
                         ? "holds samples of more than 1e+10, where full scale is 1"
                         : "holds samples that are not numbers (NaN or infinite), the first at " +
                               std::to_string(i));
  }
}

}  // namespace

struct Recognizer::State {
  Model model;
  bool resamples = false;
  std::unique_ptr<Backend> backend;
  std::int64_t whole = 0;  // samples of the model that run at once
  Geometry geometry;

  std::optional<std::int64_t> rate_of(int sample_rate) const {
    return rate_to_resample(sample_rate, model, resamples);
  }

  /// Return true for a recording of more than a whole run; `samples` at `rate` Hz.
  bool is_long(std::size_t samples, int rate) const {
    const double seconds = static_cast<double>(samples) / rate;
    return seconds * static_cast<double>(model.sample_rate) > static_cast<double>(least_long());
  }

  /// Return the samples that run at once, and that no window is longer than.
  std::int64_t least_long() const { return std::max(whole, geometry.samples()); }

  GraphOutput run(std::vector<float> waveform, std::optional<std::int64_t> rate) const {
    const auto length = static_cast<std::int64_t>(waveform.size());
    waveform.resize(std::max(waveform.size(), static_cast<std::size_t>(model.receptive_field)));
    return backend->run(std::move(waveform), length, rate);
  }

  Recognition run_whole(std::vector<float> waveform, int sample_rate, bool with_emission) const {
    const double duration = static_cast<double>(waveform.size()) / sample_rate;
    GraphOutput output = run(std::move(waveform), rate_of(sample_rate));
    Recognition heard{make_transcript(output, duration, model), {}};
    Emission emission = take_emission(std::move(output), model);  // checks it, wanted or not
    if (with_emission) heard.emission = std::move(emission);
    return heard;
  }

  /// Run in windows; `read` gives samples at `sample_rate`, `seconds` what was read at the end.
  Recognition run_windows(const ReadSamples& read, int sample_rate,
                          const std::function<double()>& seconds, bool with_emission) const {
    rate_of(sample_rate);  // refuses
    Resampler resampler(sample_rate, model.sample_rate);
    std::vector<float> ready;
    bool is_done = false;
    const ReadSamples resampled = [&](std::size_t samples) {
      while (!is_done && ready.size() < samples) {
        const std::vector<float> block = read(kBlockSamples);
        is_done = block.size() < kBlockSamples;
        append(ready, resampler.push(block));
        if (is_done) append(ready, resampler.finish());
      }
      const auto count = static_cast<std::ptrdiff_t>(std::min(samples, ready.size()));
      std::vector<float> given(ready.begin(), ready.begin() + count);
      ready.erase(ready.begin(), ready.begin() + count);
      return given;
    };
    Recognition heard;
    heard.emission.labels = static_cast<std::int64_t>(model.labels.size());
    PartDecoder decoder(model.blank);
    Stitcher stitcher(geometry, model.blank, [&](Emission part) {
      decoder.push(part);
      if (!with_emission) return;
      append(heard.emission.values, part.values);
      heard.emission.frames += part.frames;
    });
    split_into_windows(resampled, geometry, [&](Window window) {
      GraphOutput output = run(std::move(window.waveform), std::nullopt);
      stitcher.push(window, take_emission(std::move(output), model));
    });
    stitcher.finish();
    heard.transcript = join_transcript(decoder.path(), decoder.frames(), seconds(), model);
    return heard;
  }

  Recognition hear(const Audio& audio, bool with_emission) const {
    check_samples(audio);
    if (!is_long(audio.waveform.size(), audio.sample_rate)) {
      return run_whole(audio.waveform, audio.sample_rate, with_emission);
    }
    std::size_t place = 0;
    const ReadSamples read = [&](std::size_t samples) {
      const std::size_t end = std::min(audio.waveform.size(), place + samples);
      const auto first = audio.waveform.begin();
      std::vector<float> given(first + static_cast<std::ptrdiff_t>(place),
                               first + static_cast<std::ptrdiff_t>(end));
      place = end;
      return given;
    };
    return run_windows(read, audio.sample_rate, [&] { return duration_of(audio); }, with_emission);
  }

  Recognition hear(Recording& recording, bool with_emission) const {
    const int rate = recording.sample_rate();
    rate_of(rate);  // refuses before anything is read
    const double least = static_cast<double>(least_long()) / static_cast<double>(model.sample_rate);
    std::vector<float> head = recording.read(
        static_cast<std::size_t>(samples_in(std::min(least, kMostSeconds), rate)) + 1);
    if (!is_long(head.size(), rate)) return run_whole(std::move(head), rate, with_emission);
    std::size_t place = 0;
    const ReadSamples read = [&](std::size_t samples) {
      const std::size_t count = std::min(samples, head.size() - place);
      const auto first = head.begin() + static_cast<std::ptrdiff_t>(place);
      std::vector<float> given(first, first + static_cast<std::ptrdiff_t>(count));
      place += count;
      if (given.size() < samples) append(given, recording.read(samples - given.size()));
      return given;
    };
    return run_windows(read, rate, [&] { return recording.seconds(); }, with_emission);
  }

 private:
  static constexpr std::size_t kBlockSamples = 1 << 16;
  static constexpr double kMostSeconds = 1e9;

  static void append(std::vector<float>& to, const std::vector<float>& more) {
    to.insert(to.end(), more.begin(), more.end());
  }
};

Recognizer::Recognizer(const std::filesystem::path& package, const Options& options)
    : state_(std::make_unique<State>()) {
  if (!(options.whole_seconds >= 0)) {
    throw InputError("whole_seconds must be at least 0, got " + std::to_string(options.whole_seconds));
  }
  if (!(options.window_seconds >= kLeastWindowSeconds) || std::isinf(options.window_seconds)) {
    throw InputError("window_seconds must be finite and at least 5, got " +
                     std::to_string(options.window_seconds));
  }
  OpenedArtifact opened = open_artifact(package, "transcription", options);
  model_ = std::move(opened.model);
  state_->model = model_;
  state_->resamples = opened.resamples;
  state_->backend = std::move(opened.backend);
  state_->whole = samples_in(options.whole_seconds, model_.sample_rate);
  const std::int64_t window = samples_in(options.window_seconds, model_.sample_rate);
  const std::int64_t frames = (window - model_.receptive_field) / model_.frame_stride + 1;
  state_->geometry = {model_.frame_stride, model_.receptive_field, std::max<std::int64_t>(1, frames)};
}

Recognizer::~Recognizer() = default;
Recognizer::Recognizer(Recognizer&&) noexcept = default;
Recognizer& Recognizer::operator=(Recognizer&&) noexcept = default;

Recognition Recognizer::recognize(const Audio& audio) const { return state_->hear(audio, true); }
Recognition Recognizer::recognize(Recording& recording) const {
  return state_->hear(recording, true);
}
Transcript Recognizer::transcribe(const Audio& audio) const {
  return state_->hear(audio, false).transcript;
}
Transcript Recognizer::transcribe(Recording& recording) const {
  return state_->hear(recording, false).transcript;
}
Emission Recognizer::emission(const Audio& audio) const { return state_->hear(audio, true).emission; }

std::vector<Outcome> Recognizer::transcribe_each(
    const std::vector<std::filesystem::path>& files) const {
  std::vector<Outcome> outcomes;
  for (const std::filesystem::path& file : files) {
    Outcome outcome;
    outcome.name = file.string();
    try {
      outcome.transcript = transcribe(Recording(file));
    } catch (const Error& error) {
      outcome.reason = error.reason();
      outcome.kind = error.kind();
    } catch (const std::bad_alloc&) {
      outcome.reason = "there is not enough memory for it";
      outcome.kind = ErrorKind::inference;
    }
    outcomes.push_back(std::move(outcome));
  }
  return outcomes;
}

}  // namespace voxport
