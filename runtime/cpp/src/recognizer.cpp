// A package's artifact as a recognizer of speech.
#include <algorithm>

#include "open_artifact.hpp"
#include "transcript.hpp"
#include "voxport/voxport.hpp"

namespace voxport {

Recognizer::Recognizer(const std::filesystem::path& package, const Options& options) {
  OpenedArtifact opened = open_artifact(package, "transcription", options);
  model_ = std::move(opened.model);
  resamples_ = opened.resamples;
  backend_ = std::move(opened.backend);
}

Recognizer::~Recognizer() = default;
Recognizer::Recognizer(Recognizer&&) noexcept = default;
Recognizer& Recognizer::operator=(Recognizer&&) noexcept = default;

GraphOutput Recognizer::run(const Audio& audio) const {
  const auto sample_rate = rate_to_resample(audio.sample_rate, model_, resamples_);
  std::vector<float> waveform = audio.waveform;
  const auto one_frame = static_cast<std::size_t>(model_.receptive_field);
  waveform.resize(std::max(waveform.size(), one_frame));
  const auto length = static_cast<std::int64_t>(audio.waveform.size());
  return backend_->run(std::move(waveform), length, sample_rate);
}

Recognition Recognizer::recognize(const Audio& audio) const {
  GraphOutput output = run(audio);
  Transcript transcript = make_transcript(output, duration_of(audio), model_);
  return {std::move(transcript), take_emission(std::move(output), model_)};
}

Transcript Recognizer::transcribe(const Audio& audio) const {
  return make_transcript(run(audio), duration_of(audio), model_);
}

Emission Recognizer::emission(const Audio& audio) const {
  return take_emission(run(audio), model_);
}

}  // namespace voxport
